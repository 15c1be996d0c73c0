// Select2 names its boxes by what is chosen in them, so that an empty one has no name: it is given its field's label.
function nameBoxes() {
  for (const box of document.querySelectorAll(".select2-selection[role=combobox]:not([aria-label])")) {
    const select = box.closest(".select2-container").previousElementSibling;
    const label = select.labels[0]?.textContent.trim() || select.name;
    for (const one of [box, ...box.querySelectorAll("[role=textbox]")]) {
      one.removeAttribute("aria-labelledby");
      one.setAttribute("aria-label", label);
    }
  }
}
addEventListener("DOMContentLoaded", () => {
  nameBoxes();
  new MutationObserver(nameBoxes).observe(document.body, { childList: true, subtree: true });
});

// What opens the sidebar and the filters is plain text to a keyboard and to a screen reader.
addEventListener("load", () => {
  for (const [what, label] of [["span[x-on\\:click*=sidebar]", "Menu"], ["a[x-on\\:click*=filterOpen]", "Filters"]]) {
    for (const one of document.querySelectorAll(what)) {
      Object.assign(one, { role: "button", tabIndex: 0, ariaLabel: label });
      one.addEventListener("keydown", event => event.key === "Enter" && one.click());
    }
  }
});
