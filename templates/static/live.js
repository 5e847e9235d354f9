// Keeps a page up to date. The server renders; this puts what it renders in its place.
"use strict";

(() => {
  const conversation = document.getElementById("conversation");
  const pulse = document.getElementById("pulse");
  const pulseText = document.getElementById("pulse-text");

  const nearEnd = () => window.innerHeight + window.scrollY >= document.body.scrollHeight - 120;

  // An element is replaced without closing or opening what the reader closed or opened.
  const put = (id, html) => {
    const old = document.getElementById(id);
    if (!old) return;
    const holder = document.createElement("template");
    holder.innerHTML = html;
    const fresh = holder.content.firstElementChild;
    if (!fresh) return;
    if (old.tagName === "DETAILS" && !old.hidden) fresh.open = old.open;
    const row = document.activeElement && document.activeElement.closest("a[href]");
    const focused = row && old.contains(row) ? row.getAttribute("href") : null;
    old.replaceWith(fresh);
    if (focused) {
      const again = [...fresh.querySelectorAll("a[href]")].find((link) => link.getAttribute("href") === focused);
      if (again) again.focus({ preventScroll: true });
    }
  };

  const changes = {
    add: (change) => conversation && conversation.insertAdjacentHTML("beforeend", change.html),
    put: (change) => put(change.id, change.html),
    text: (change) => {
      const element = document.getElementById(change.id);
      if (element) element.append(change.text);
    },
    clear: () => conversation && conversation.replaceChildren(),
  };

  const follow = (address) => {
    const stream = new EventSource(address);
    stream.onopen = () => pulse && (pulse.classList.remove("lost"), (pulseText.textContent = "Live"));
    stream.onerror = () => {
      if (!pulse) return;
      pulse.classList.add("lost");
      pulseText.textContent = stream.readyState === EventSource.CLOSED ? "The connection ended. Reload to go on." : "Connecting again";
    };
    stream.onmessage = (message) => {
      const stay = conversation && nearEnd();
      for (const change of JSON.parse(message.data)) (changes[change.do] || (() => {}))(change);
      if (stay) window.scrollTo({ top: document.body.scrollHeight });
    };
    stream.addEventListener("done", () => {
      stream.close();
      if (pulse) pulse.remove();
    });
    window.addEventListener("pagehide", () => stream.close());
  };

  const ago = (seconds) => {
    if (seconds < 60) return `${seconds} s`;
    if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
    if (seconds < 86400) return `${Math.floor(seconds / 3600)} h`;
    return `${Math.floor(seconds / 86400)} d`;
  };
  const times = () => {
    for (const time of document.querySelectorAll("time[datetime]")) {
      const seconds = Math.max(0, Math.floor((Date.now() - Date.parse(time.dateTime)) / 1000));
      time.textContent = ago(seconds);
    }
  };
  setInterval(times, 5000);

  const live = document.querySelector("[data-live]");
  if (live) follow(live.dataset.live);
  for (const select of document.querySelectorAll(".filters select")) {
    select.addEventListener("change", () => select.form.requestSubmit());
  }
})();
