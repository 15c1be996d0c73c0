// Redoc ends its menu with a picture from another host. It is asked for an empty one instead, and then shows none.
const image = HTMLImageElement.prototype;
const { setAttribute } = image;
image.setAttribute = function (name, value) {
  const isForeign = name === "src" && String(value).startsWith("https:");
  setAttribute.call(this, name, isForeign ? "data:," : value);
};
Object.defineProperty(image, "src", {
  get() { return this.getAttribute("src"); },
  set(value) { this.setAttribute("src", value); }, // React sets it either way
});
