"""One visitor of a Streamlit page without a browser: speaks its own protocol over a real web socket.

Knows the widgets by label, sets their values, uploads files, and counts what a run sends. The messages are those
that Streamlit's browser side sends, so that the server does all that it does for people.
"""

from __future__ import annotations

import asyncio
import json
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import httpx
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.Common_pb2 import FileUploaderState, UploadedFileInfo
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.asyncio.client import ClientConnection, connect

PATIENCE_SECONDS = 600.0
_TOKEN = re.compile(r"/tiles/([0-9a-f]{32})/")


class VisitFailed(Exception):
    """The page did not do what a visitor may expect of it."""


@dataclass
class Run:
    """What one run of the page's script sent."""

    messages: int = 0
    message_bytes: int = 0
    texts: list[str] = field(default_factory=list)
    """Every Markdown text, in the order in which they came."""
    was_cut_short: bool = False
    """Whether another run took its place before its end."""


class Visitor:
    """A session of its own; use it as a context."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._socket: ClientConnection | None = None
        self._session_id = ""
        self._page_hash = ""
        self._widgets: dict[tuple[str, str], str] = {}
        self._states: dict[str, WidgetState] = {}
        self._kept: dict[str, ForwardMsg] = {}
        self.tokens: list[str] = []
        """Tokens of the tiles on the map."""
        self.exceptions: list[str] = []

    async def __aenter__(self) -> Self:
        parts = urlsplit(self._url)
        # The second place is that of the token against forged requests, the third of an earlier session.
        self._socket = await connect(
            f"ws://{parts.netloc}/_stcore/stream",
            subprotocols=["streamlit"],  # type: ignore[list-item]
            max_size=None,
            open_timeout=PATIENCE_SECONDS,
            ping_timeout=None,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._socket is not None:
            await self._socket.close()

    async def run(self, values: Mapping[tuple[str, str], Any] | None = None) -> Run:
        """Run the script with new values of widgets, by kind and label, and wait until it has ended."""
        await self.begin_run(values)
        return await self.follow()

    async def begin_run(self, values: Mapping[tuple[str, str], Any] | None = None) -> None:
        """Ask for a run, as a click does, without waiting for it."""
        for (kind, label), value in (values or {}).items():
            self._set(kind, label, value)
        message = BackMsg()
        client = message.rerun_script
        client.page_script_hash = self._page_hash
        client.widget_states.widgets.extend(self._states.values())
        client.cached_message_hashes.extend(self._kept)
        client.context_info.timezone, client.context_info.locale = "UTC", "en"
        client.context_info.color_scheme = "light"
        client.context_info.url = self._url
        await self._send(message)

    async def follow(self) -> Run:
        """Read what a run sends until it has ended, those that follow it by themselves included."""
        run = Run()
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                message = await self._receive(run)
                if message.WhichOneof("type") != "script_finished":
                    continue
                if message.script_finished == ForwardMsg.FINISHED_EARLY_FOR_RERUN:
                    run.was_cut_short = True
                    continue
                return run

    async def press(self, label: str) -> Run:
        """Press a button, and follow the run that it asks for."""
        pressed = WidgetState(id=self._widgets["button", label], trigger_value=True)
        self._states[pressed.id] = pressed
        try:
            await self.begin_run()
        finally:
            del self._states[pressed.id]
        return await self.follow()

    async def upload(self, label: str, name: str, content: bytes) -> Run:
        """Choose a file in an uploader, and follow the run that takes it; our page has its own in a window."""
        if self.has("button", "Change"):
            await self.press("Change")
        request = BackMsg()
        request.file_urls_request.request_id = uuid.uuid4().hex
        request.file_urls_request.file_names.append(name)
        request.file_urls_request.session_id = self._session_id
        await self._send(request)
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                message = await self._receive(Run())
                if message.WhichOneof("type") == "file_urls_response":
                    break
        urls = message.file_urls_response.file_urls[0]
        async with httpx.AsyncClient(timeout=PATIENCE_SECONDS) as client:
            await client.get(f"{self._url}/_stcore/health")  # brings the cookie against forged requests
            answer = await client.put(
                self._url + urls.upload_url,
                files={name: (name, content, "application/octet-stream")},
                headers={"X-Xsrftoken": client.cookies.get("_streamlit_xsrf") or ""},
            )
        if answer.status_code >= 400:
            raise VisitFailed(f"the upload was answered with {answer.status_code}: {answer.text[:200]}")
        info = UploadedFileInfo(name=name, size=len(content), file_id=urls.file_id, file_urls=urls)
        uploader = self._widgets["file_uploader", label]
        run = await self.run({("file_uploader", label): FileUploaderState(uploaded_file_info=[info])})
        if self._widgets["file_uploader", label] != uploader:  # the page has put another in its place
            del self._states[uploader]
        return run

    def has(self, kind: str, label: str) -> bool:
        """Whether a widget of that kind and label has been drawn."""
        return (kind, label) in self._widgets

    def _set(self, kind: str, label: str, value: Any) -> None:
        state = WidgetState(id=self._widgets[kind, label])
        if kind == "file_uploader":
            state.file_uploader_state_value.CopyFrom(value)
        elif kind == "slider":
            state.double_array_value.data.append(value)
        elif isinstance(value, bool):
            state.bool_value = value
        else:
            state.string_value = value
        self._states[state.id] = state

    async def _send(self, message: BackMsg) -> None:
        assert self._socket is not None
        await self._socket.send(message.SerializeToString())

    async def _receive(self, run: Run) -> ForwardMsg:
        assert self._socket is not None
        data = await self._socket.recv()
        assert isinstance(data, bytes)
        message = ForwardMsg.FromString(data)
        run.messages += 1
        run.message_bytes += len(data)
        if message.WhichOneof("type") == "ref_hash":
            metadata, message = message.metadata, self._kept[message.ref_hash]
            message.metadata.CopyFrom(metadata)
        elif message.metadata.cacheable and message.hash:
            self._kept[message.hash] = message
        self._note(message, run)
        return message

    def _note(self, message: ForwardMsg, run: Run) -> None:
        kind = message.WhichOneof("type")
        if kind == "new_session":
            self._session_id = message.new_session.initialize.session_id
            self._page_hash = message.new_session.page_script_hash
        if kind != "delta" or message.delta.WhichOneof("type") != "new_element":
            return
        element = message.delta.new_element
        what = element.WhichOneof("type")
        if what is None:
            return
        part = getattr(element, what)
        if what == "markdown":
            run.texts.append(part.body)
        elif what == "exception":
            self.exceptions.append(f"{part.type}: {part.message}")
        elif what == "component_instance":
            group = json.loads(part.json_args).get("feature_group") or ""
            self.tokens = _TOKEN.findall(group)
        elif hasattr(part, "id") and hasattr(part, "label"):
            self._widgets[what, part.label] = part.id
