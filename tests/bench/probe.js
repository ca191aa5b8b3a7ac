// Records what the browser reports of a page, from before its first script.
window.probe = { largestPaint: 0, shift: 0, interaction: 0, frame: 0, painted: null };

const observe = (type, record, options) =>
  new PerformanceObserver((list) => list.getEntries().forEach(record)).observe({ type, buffered: true, ...options });

observe("largest-contentful-paint", ({ startTime }) => (probe.largestPaint = startTime));
// Like the browser's own score, without what follows an input within half a second.
observe("layout-shift", ({ value, hadRecentInput }) => (probe.shift += hadRecentInput ? 0 : value));
observe(
  "event",
  ({ interactionId, duration }) => {
    if (interactionId) probe.interaction = Math.max(probe.interaction, duration);
  },
  { durationThreshold: 16 },
);

let last = performance.now();
requestAnimationFrame(function tick(now) {
  probe.frame = Math.max(probe.frame, now - last);
  last = now;
  requestAnimationFrame(tick);
});

/** Resolves once a condition is true at the beginning of a frame. */
probe.when = (condition) =>
  new Promise((resolve) => {
    const look = () => (condition() ? resolve() : requestAnimationFrame(look));
    look();
  });

/** Sets `painted` to the milliseconds from the next event of a type until a frame that meets a condition. */
probe.expectPaint = (type, condition) => {
  probe.painted = new Promise((resolve) => {
    const begin = async ({ timeStamp }) => {
      await new Promise(requestAnimationFrame);
      await probe.when(condition);
      // A message arrives after the frame.
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = () => resolve(performance.now() - timeStamp);
      port2.postMessage(null);
    };
    addEventListener(type, (event) => void begin(event), { capture: true, once: true });
  });
};
