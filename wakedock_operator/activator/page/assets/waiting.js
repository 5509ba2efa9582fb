// Follows the start of the app and loads the page again when the app is ready. It asks for nothing else.
"use strict";

(() => {
  const wait = document.getElementById("wait");
  const scene = wait.querySelector(".scene");
  const show = (id, text) => {
    const element = document.getElementById(id);
    if (element && element.textContent !== text) element.textContent = text;
  };
  const words = JSON.parse(wait.dataset.words);
  const retry = Number(wait.dataset.retry);
  let source = null;
  let timer = null;

  const wordsOf = (seconds) => {
    const minutes = Math.floor(seconds / 60);
    const rest = Math.floor(seconds % 60);
    return minutes ? `${minutes} min ${rest} s` : `${rest} s`;
  };

  // Linear up to the typical duration, then ever slower; never full.
  const filled = (elapsed, typical) => {
    const turns = typical > 0 ? elapsed / typical : 1;
    return turns <= 1 ? 0.9 * turns : 1 - 0.1 / turns;
  };

  const rise = (fill) => scene.style.setProperty("--rise", fill.toFixed(3));

  // A page nobody looks at asks for no start: a tab left open would wake a failing app for ever.
  const askAgain = (seconds) => {
    if (timer !== null) return;
    const end = performance.now() + seconds * 1000;
    const tick = () => {
      const left = Math.ceil((end - performance.now()) / 1000);
      if (left > 0) {
        if (wait.dataset.state !== "waiting") show("note", left === 1 ? "Trying again in 1 second." : `Trying again in ${left} seconds.`);
      } else if (!document.hidden) {
        clearInterval(timer);
        location.reload();
      }
    };
    timer = setInterval(tick, 250);
    tick();
  };

  const stop = () => {
    if (source !== null) source.close();
    source = null;
  };

  const fail = (progress) => {
    wait.dataset.state = progress.phase === "failed" ? "failed" : "refused";
    const bar = document.getElementById("bar");
    if (bar) bar.remove();
    show("elapsed", "");
    show("usual", "");
    show("explanation", words.failures[progress.failure] || "");
    askAgain(retry);
  };

  const update = (event) => {
    const progress = JSON.parse(event.data);
    if (progress.phase === "asleep") {
      // Either the wake is a moment away, or it was given up: then somebody has to ask again.
      askAgain(retry);
      return;
    }
    const headline = words.phases[progress.phase] || progress.phase;
    show("phase", headline);
    document.title = `${wait.dataset.title}: ${headline}`;
    if (progress.phase === "ready") {
      stop();
      const bar = document.getElementById("bar");
      if (bar) bar.value = 1;
      rise(1);
      // Where the app was ready when this page was sent, and still did not answer, there is no use in hurrying.
      if (wait.dataset.phase === "ready") askAgain(1);
      else location.reload();
      return;
    }
    if (progress.phase === "failed" || progress.phase === "suspended") {
      stop();
      fail(progress);
      return;
    }
    clearInterval(timer);
    timer = null;
    show("elapsed", wordsOf(progress.elapsed));
    show("explanation", words.failures[progress.failure] || "");
    if (progress.typical !== null) {
      const fill = filled(progress.elapsed, progress.typical);
      document.getElementById("bar").value = fill;
      rise(fill);
      if (progress.elapsed > 1.5 * progress.typical + 1) show("usual", words.late);
    }
  };

  if (wait.dataset.state !== "waiting") {
    askAgain(retry);
    return;
  }
  show("note", "The app opens here as soon as it is ready.");
  source = new EventSource(wait.dataset.progress);
  source.addEventListener("phase", update);
  source.addEventListener("heartbeat", update);
  source.addEventListener("error", () => {
    if (source !== null && source.readyState === EventSource.CLOSED) askAgain(retry);
  });
})();
