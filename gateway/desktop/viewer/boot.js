// A network that changes while the page loads leaves it without some of its parts, and browsers do not ask for them again.
const againMs = 2_000

import('./viewer.js').then(
  ({ main }) => main(),
  () => setTimeout(() => location.reload(), againMs),
)
