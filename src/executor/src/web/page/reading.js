// Tracks if all of a text was in view.
//
// The text lies in the page itself, not in a box with its own scroll bar. The seen part grows from the beginning without a gap:
// a jump to the end has not shown the middle. Any new layout of the text starts over.

const BAR = document.querySelector(".bar");

/** Calls `done` once, when all of `node` was in view. Gives back what looks again, and what ends it. */
export function watch(node, done, part) {
  let shown = 0;
  let [width, height] = [0, 0];

  function look() {
    if (document.hidden || !node.isConnected) return;
    const box = node.getBoundingClientRect();
    if (box.width !== width || box.height !== height) {
      [width, height] = [box.width, box.height];
      shown = 0;
    }
    if (box.height === 0) return;
    // The bar covers a part of the text.
    const top = Math.max(BAR.getBoundingClientRect().bottom, 0) - box.top;
    const bottom = Math.min(innerHeight, document.documentElement.clientHeight) - box.top;
    if (top <= shown && bottom > shown) shown = bottom;
    if (shown >= box.height - 1) {
      end();
      done();
    } else {
      part(Math.max(0, Math.min(1, shown / box.height)));
    }
  }

  function end() {
    removeEventListener("scroll", look);
    removeEventListener("resize", look);
    document.removeEventListener("visibilitychange", look);
  }

  addEventListener("scroll", look, { passive: true });
  addEventListener("resize", look);
  document.addEventListener("visibilitychange", look);
  return { look, end };
}
