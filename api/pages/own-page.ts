import type { App } from '../route.ts'

/** One of the few pages of Carrel's own: what a portal would show, for sites whose portal does not. */
export interface OwnPage {
  readonly path: string
  readonly title: string
  /** What stands below the mark. */
  readonly content: string
  /** What it needs beside what every page looks like. */
  readonly style?: string
  readonly script: string
}

const documentOf = ({ path, title, content }: OwnPage): string => `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<meta name="referrer" content="no-referrer">
<title>Carrel: ${title}</title>
<link rel="stylesheet" href="${path}/page.css">
<main>
<p class="mark">Carrel</p>
${content}
</main>
<script src="${path}/page.js"></script>
</html>
`

const commonStyle = `:root{color-scheme:light dark;--ink:#1c2330;--soft:#5b6475;--ground:#f4f5f8;--sheet:#fff;--line:#dde1e8;--accent:#2f5fd0}
@media (prefers-color-scheme:dark){:root{--ink:#e8eaf0;--soft:#a3abba;--ground:#14171d;--sheet:#1d2129;--line:#303642;--accent:#8fb0ff}}
body{margin:0;min-height:100vh;display:grid;place-items:center;padding:1.5rem;background:var(--ground);color:var(--ink);font:1rem/1.6 system-ui,sans-serif}
main{width:100%;max-width:34rem;background:var(--sheet);border:1px solid var(--line);border-radius:.75rem;padding:2rem 2.25rem}
h1{font-size:1.35rem;line-height:1.3;margin:0 0 .75rem}
p,dt{color:var(--soft)}
.mark{margin:0 0 1.25rem;font-size:.8rem;letter-spacing:.14em;text-transform:uppercase}
a{color:var(--accent)}
button{font:inherit;padding:.5rem 1.1rem;border-radius:.5rem;border:1px solid var(--accent);background:var(--accent);color:var(--sheet);cursor:pointer}
button.quiet{background:none;color:var(--accent)}
button:focus-visible,a:focus-visible,input:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
#ways{list-style:none;padding:0;display:grid;gap:1.25rem}
.passwords{display:grid;gap:.75rem;justify-items:start}
.passwords label{display:grid;gap:.25rem;width:100%;color:var(--soft)}
.passwords input{font:inherit;padding:.45rem .6rem;border-radius:.5rem;border:1px solid var(--line);background:var(--ground);color:var(--ink)}
[hidden]{display:none!important}
`

/** Everything from here, nothing inline, in nobody's frame: what is pressed here is meant. */
const policy =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; " +
  "frame-ancestors 'none'"

/** Mounts the page. Getting it changes nothing and tells nothing. Returns its addresses. */
export function mountOwnPage(app: App, page: OwnPage): readonly string[] {
  const files = {
    [page.path]: [documentOf(page), 'text/html'],
    [`${page.path}/page.css`]: [commonStyle + (page.style ?? ''), 'text/css'],
    [`${page.path}/page.js`]: [page.script, 'text/javascript'],
  } as const
  for (const [path, [text, type]] of Object.entries(files)) {
    app.get(path, (c) =>
      c.body(text, 200, {
        'content-type': `${type}; charset=utf-8`,
        'content-security-policy': policy,
        'referrer-policy': 'no-referrer',
        'cache-control': 'no-cache',
      }),
    )
  }
  return Object.keys(files)
}
