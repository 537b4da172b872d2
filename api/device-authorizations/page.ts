import type { App } from '../route.ts'
import { pageScript } from './page-script.ts'

/** Where a signed-in browser answers a program that asks to be let in. */
export const devicePath = '/device'

const page = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<meta name="referrer" content="no-referrer">
<title>Carrel: let a program in</title>
<link rel="stylesheet" href="/device/page.css">
<main>
<p class="mark">Carrel</p>
<h1>Let a program in</h1>
<p id="text" role="status">One moment…</p>
<form id="ask" hidden><label for="code">The code that it shows</label>
<p><input id="code" name="code" autocomplete="off" autocapitalize="characters" spellcheck="false" maxlength="12"> <button>Look</button></p></form>
<ul id="ways" hidden></ul>
<div id="choice" hidden>
<dl><dt>Program</dt><dd id="client"></dd><dt>Asks from</dt><dd id="from"></dd><dt>Says it is</dt><dd id="agent"></dd><dt>Asked</dt><dd id="asked"></dd></dl>
<p>It would act as you, with:</p>
<ul id="scopes"></ul>
<p>Only let it in if you have just started it yourself, and it shows this very code.</p>
<p><button id="deny" class="quiet">Deny</button> <button id="approve">Let it in</button></p>
</div>
</main>
<script src="/device/page.js"></script>
</html>
`

const style = `:root{color-scheme:light dark;--ink:#1c2330;--soft:#5b6475;--ground:#f4f5f8;--sheet:#fff;--line:#dde1e8;--accent:#2f5fd0}
@media (prefers-color-scheme:dark){:root{--ink:#e8eaf0;--soft:#a3abba;--ground:#14171d;--sheet:#1d2129;--line:#303642;--accent:#8fb0ff}}
body{margin:0;min-height:100vh;display:grid;place-items:center;padding:1.5rem;background:var(--ground);color:var(--ink);font:1rem/1.6 system-ui,sans-serif}
main{width:100%;max-width:34rem;background:var(--sheet);border:1px solid var(--line);border-radius:.75rem;padding:2rem 2.25rem}
h1{font-size:1.35rem;line-height:1.3;margin:0 0 .75rem}
p,dt{color:var(--soft)}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.25rem 1rem}
dd{margin:0;overflow-wrap:anywhere}
.mark{margin:0 0 1.25rem;font-size:.8rem;letter-spacing:.14em;text-transform:uppercase}
a{color:var(--accent)}
input#code{font:1.25rem ui-monospace,monospace;letter-spacing:.12em;width:12ch;padding:.35rem .6rem;border-radius:.5rem;border:1px solid var(--line);background:var(--ground);color:var(--ink)}
#scopes{list-style:none;padding:0}
button{font:inherit;padding:.5rem 1.1rem;border-radius:.5rem;border:1px solid var(--accent);background:var(--accent);color:var(--sheet);cursor:pointer}
button.quiet{background:none;color:var(--accent)}
button:focus-visible,a:focus-visible,input:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
[hidden]{display:none}
`

/** Everything from here, nothing inline, in nobody's frame: what is pressed here is meant. */
const policy =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; " +
  "frame-ancestors 'none'"

/** The page where people let programs in. Getting it changes nothing and tells nothing. Returns its addresses. */
export function mountDevicePage(app: App): readonly string[] {
  const files = {
    [devicePath]: [page, 'text/html'],
    [`${devicePath}/page.css`]: [style, 'text/css'],
    [`${devicePath}/page.js`]: [pageScript, 'text/javascript'],
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
