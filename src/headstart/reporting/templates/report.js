(function () {
  "use strict";
  const block = document.getElementById("pool");
  const viewer = document.getElementById("viewer");
  if (!block || !viewer || !viewer.showModal) return;
  const STRIP = 12;
  const part = (name) => document.getElementById("viewer-" + name);
  let pool = null;
  let listed = [];

  function read() {
    if (pool) return pool;
    pool = JSON.parse(block.textContent);
    pool.images = pool.images.map(([row, path, is, said, top, data]) =>
      ({ row, path, is, said, data, sure: top[1], top: pairs(top) }));
    pool.images.sort((a, b) => right(a) - right(b) || (right(a) ? a.sure - b.sure : b.sure - a.sure));
    pool.rows = new Map(pool.images.map((image) => [image.row, image]));
    return pool;
  }
  function pairs(flat) {
    const found = [];
    for (let i = 0; i < flat.length; i += 2) found.push([flat[i], flat[i + 1]]);
    return found;
  }
  const right = (image) => image.is === image.said ? 1 : 0;
  const percent = (share) => (share / 10).toFixed(1) + "\u00a0%";
  const counted = (number) => number.toLocaleString("en");
  function make(tag, kind, ...inside) {
    const made = document.createElement(tag);
    if (kind) made.className = kind;
    made.append(...inside);
    return made;
  }
  const bdi = (place) => make("bdi", "", read().classes[place]);
  function press(kind, action, ...inside) {
    const button = make("button", kind, ...inside);
    button.type = "button";
    button.addEventListener("click", action);
    return button;
  }
  function source(image) {
    if (image.data) return "data:image/jpeg;base64," + image.data;
    const shown = document.querySelector('img[data-row="' + image.row + '"]');
    return shown ? shown.src : "";
  }
  function sentence(image) {
    const names = read().classes;
    const said = right(image) ? "rightly named" : "is " + names[image.is] + ", taken for";
    return said + " " + names[image.said] + ", confidence " + percent(image.sure) + ", " + image.path;
  }

  /* One tab stop for many buttons; arrows, Home and End move among them. */
  function roving(box, selector, flows) {
    const items = () => Array.from(box.querySelectorAll(selector));
    let current = null;
    function reach(item) {
      if (current) current.tabIndex = -1;
      current = item;
      item.tabIndex = 0;
    }
    function reset() {
      const all = items();
      all.forEach((item) => { item.tabIndex = -1; });
      current = null;
      if (all.length) reach(all[0]);
    }
    box.addEventListener("focusin", (event) => {
      const item = event.target.closest(selector);
      if (item) reach(item);
    });
    box.addEventListener("keydown", (event) => {
      const item = event.target.closest(selector);
      const next = item && neighbour(items(), item, event.key, flows);
      if (!next || event.altKey || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      next.focus();
    });
    reset();
    return reset;
  }
  const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  function neighbour(all, item, key, flows) {
    if (key === "Home") return all[0];
    if (key === "End") return all[all.length - 1];
    const way = ARROWS[key];
    if (!way) return null;
    if (flows && way[0]) return all[all.indexOf(item) + way[0]];
    const from = centre(item);
    let best = null, least = Infinity;
    all.forEach((other) => {
      const to = centre(other);
      const along = (to[0] - from[0]) * way[0] + (to[1] - from[1]) * way[1];
      const aside = Math.abs((to[0] - from[0]) * way[1]) + Math.abs((to[1] - from[1]) * way[0]);
      const far = along + 4 * aside;
      if (along > 3 && far < least) { best = other; least = far; }
    });
    return best;
  }
  function centre(item) {
    const box = item.getBoundingClientRect();
    return [box.left + box.width / 2, box.top + box.height / 2];
  }

  function thumb(image, action) {
    const picture = make("img");
    picture.src = source(image);
    picture.alt = "";
    picture.decoding = "async";
    const button = press("thumb" + (right(image) ? "" : " wrong"), action, picture);
    button.setAttribute("aria-label", sentence(image));
    button.title = image.path;
    return button;
  }

  /* The dialog: thumbnails of one kind, and the one that is looked at. */
  const resetThumbs = roving(part("thumbs"), ".thumb", true);
  function open(title, total, images, start) {
    listed = images;
    part("title").replaceChildren(...title);
    part("note").textContent = note(total, images.length);
    part("copied").textContent = "";
    part("thumbs").replaceChildren(...images.map((image) => {
      const button = thumb(image, () => look(image, button));
      button.addEventListener("focus", () => look(image, button));
      return make("div", "", button);
    }));
    resetThumbs();
    part("detail").hidden = !images.length;
    if (!viewer.open) viewer.showModal();
    const first = part("thumbs").children[Math.max(0, images.indexOf(start))];
    if (first) first.firstChild.focus();
  }
  function note(total, held) {
    const all = counted(total) + (total === 1 ? " image" : " images");
    if (held === total) return all;
    return held ? counted(held) + " of " + all + " are in this file; predictions.csv lists every one"
      : all + ", none of them in this file; predictions.csv lists them";
  }
  function look(image, button) {
    part("thumbs").querySelectorAll("[aria-current]").forEach((other) => other.removeAttribute("aria-current"));
    button.setAttribute("aria-current", "true");
    part("picture").src = source(image);
    part("picture").alt = sentence(image);
    part("verdict").replaceChildren(
      make("span", "is", "is ", bdi(image.is)),
      make("span", right(image) ? "said right" : "said", "said ", bdi(image.said)));
    part("top").replaceChildren(...image.top.map(([place, share]) => {
      const bar = make("i");
      bar.style.width = share / 10 + "%";
      return make("li", place === image.is ? "true" : "", make("span", "", bdi(place)), make("b", "", percent(share)), bar);
    }));
    part("path").textContent = image.path;
  }
  part("close").addEventListener("click", () => viewer.close());
  viewer.addEventListener("click", (event) => { if (event.target === viewer) viewer.close(); });
  part("copy").addEventListener("click", () => copy(listed.map((image) => image.path).join("\n")));
  function copy(text) {
    const field = make("textarea", "unseen", text);
    viewer.append(field);
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    part("copied").textContent = done ? "copied" : "this browser does not allow it";
    part("copy").focus();
  }

  /* What opens it. */
  const those = (test) => read().images.filter(test);
  function cell(is, said, total, start) {
    const title = is === said ? [bdi(is), ", named rightly"] : [bdi(is), " taken for ", bdi(said)];
    open(title, total, those((image) => image.is === is && image.said === said), start);
  }
  function opener(place, is, said) {
    const total = Number(place.textContent.replace(/\D/g, ""));
    if (!total) return;
    const button = press("opens", () => cell(is, said, total), place.textContent.trim());
    const [a, b] = [place.dataset.is, place.dataset.said];
    button.setAttribute("aria-label", is === said ? total + " of " + a + ", named rightly: show"
      : total + " of " + a + ", taken for " + b + ": show");
    place.replaceChildren(button);
  }
  document.querySelectorAll("table.matrix").forEach((matrix) => {
    const names = Array.from(matrix.tBodies[0].rows, (row) => row.cells[0].textContent.trim());
    Array.from(matrix.tBodies[0].rows).forEach((row, is) => {
      Array.from(row.cells).slice(1, -1).forEach((place, said) => {
        place.dataset.is = names[is];
        place.dataset.said = names[said];
        opener(place, is, said);
      });
    });
    roving(matrix, ".opens", false);
  });
  document.querySelectorAll("td[data-pair]").forEach((place) => {
    const [is, said] = place.dataset.pair.split(" ").map(Number);
    const row = place.parentElement;
    place.dataset.is = row.cells[0].textContent.trim();
    place.dataset.said = row.cells[1].textContent.trim();
    opener(place, is, said);
  });
  document.querySelectorAll("td[data-rows]").forEach((place) => {
    const rows = new Set(place.dataset.rows.split(" ").map(Number));
    const title = place.parentElement.cells[0].textContent.trim();
    const button = press("opens", () => open([title], rows.size, those((image) => rows.has(image.row))), place.textContent.trim());
    button.setAttribute("aria-label", place.textContent.trim() + " images, " + title + ": show");
    place.replaceChildren(button);
  });

  /* Galleries of one class. */
  const picker = document.getElementById("gallery-class");
  const strips = document.getElementById("gallery-strips");
  const KINDS = [
    ["Missed", "false negatives", 1, (image, k) => image.is === k && image.said !== k],
    ["Wrongly named so", "false positives", 2, (image, k) => image.said === k && image.is !== k],
    ["Found", "true positives", 0, (image, k) => image.is === k && image.said === k],
  ];
  function strip([title, formal, place, test], chosen) {
    const total = read().counts[chosen][place];
    const images = those((image) => test(image, chosen));
    const heading = make("h3", "", title + " ", make("small", "", counted(total) + " " + (total === 1 ? formal.slice(0, -1) : formal)));
    const film = make("div", "strip");
    const naming = [bdi(chosen), ": " + title.toLowerCase()];
    const show = (image) => () => open(naming, total, images, image);
    film.append(...images.slice(0, STRIP).map((image) => {
      const other = place === 1 ? ["said ", bdi(image.said)] : place === 2 ? ["is ", bdi(image.is)] : [percent(image.sure)];
      return make("figure", "", thumb(image, show(image)), make("figcaption", "", ...other));
    }));
    if (total > Math.min(images.length, STRIP)) film.append(press("more", show(null), "all " + counted(total)));
    if (!total) film.append(make("p", "muted", "none"));
    roving(film, "button", true);
    return make("div", "group", heading, film);
  }
  let drawn = null;
  function draw() {
    if (drawn === picker.value) return;
    drawn = picker.value;
    strips.replaceChildren(...KINDS.map((kind) => strip(kind, Number(picker.value))));
  }
  picker.addEventListener("change", draw);
  document.querySelectorAll("table.classes tr[data-class]").forEach((row) => {
    const place = row.cells[0];
    place.replaceChildren(press("opens", () => {
      picker.value = row.dataset.class;
      draw();
      document.getElementById("galleries").scrollIntoView();
      picker.focus({ preventScroll: true });
    }, ...Array.from(place.childNodes)));
  });
  document.documentElement.classList.add("has-images");
  if ("IntersectionObserver" in window) {
    const watch = new IntersectionObserver((seen) => {
      if (seen.some((one) => one.isIntersecting)) { watch.disconnect(); draw(); }
    }, { rootMargin: "600px" });
    watch.observe(strips);
  } else draw();
  window.addEventListener("beforeprint", draw);
})();
