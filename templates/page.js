// Fetches the page again and exchanges what it shows; without it the page loads itself anew.
(() => {
  const live = document.getElementById("live");
  const tell = (text, lost) => {
    live.hidden = false;
    live.className = lost ? "lost" : "";
    if (live.textContent !== text) live.textContent = text;
  };
  const refresh = async () => {
    // Nobody looks, or somebody is about to copy something.
    if (document.hidden || !getSelection().isCollapsed) return;
    const answer = await fetch(location.href, { signal: AbortSignal.timeout(5000) });
    if (!answer.ok) throw new Error(answer.status);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const [before, after] = [document, page].map((it) => it.querySelector("main"));
    for (const open of before.querySelectorAll("details[open]")) {
      page.getElementById(open.id)?.setAttribute("open", "");
    }
    const focused = before.contains(document.activeElement) && document.activeElement.id;
    document.title = page.title;
    before.replaceWith(after);
    if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
    tell("live");
  };
  tell("live");
  setInterval(() => refresh().catch(() => tell("not answering", true)), 2000);
})();
