// What a page has and happy-dom has not.

if (!('matchMedia' in window)) {
  Object.assign(window, {
    matchMedia: () => ({ matches: false, addEventListener() {}, removeEventListener() {} }),
  });
}
