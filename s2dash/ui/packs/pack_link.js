// The way to a pack that is ready: a plain link, so that the browser itself fetches the file, however large.

export default ({ data, parentElement }) => {
  const link = parentElement.querySelector("a");
  link.href = data.url;
  link.download = data.name;
  link.querySelector("span").textContent = data.label;
};
