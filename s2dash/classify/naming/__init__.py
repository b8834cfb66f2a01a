"""What classes might be called: suggestions with their reasons, which nobody takes but the user."""

from s2dash.classify.naming.suggest import suggestions
from s2dash.classify.naming.suggestion import SURENESS, Suggestion, Sureness

__all__ = ["SURENESS", "Suggestion", "Sureness", "suggestions"]
