import { mountOwnPage } from '../pages/own-page.ts'
import type { App } from '../route.ts'
import { pageScript } from './page-script.ts'

/** Where a signed-in browser answers a program that asks to be let in. */
export const devicePath = '/device'

const content = `<h1>Let a program in</h1>
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
</div>`

const style = `dl{display:grid;grid-template-columns:max-content 1fr;gap:.25rem 1rem}
dd{margin:0;overflow-wrap:anywhere}
input#code{font:1.25rem ui-monospace,monospace;letter-spacing:.12em;width:12ch;padding:.35rem .6rem;border-radius:.5rem;border:1px solid var(--line);background:var(--ground);color:var(--ink)}
#scopes{list-style:none;padding:0}
`

/** The page where people let programs in. Getting it changes nothing and tells nothing. Returns its addresses. */
export const mountDevicePage = (app: App): readonly string[] =>
  mountOwnPage(app, { path: devicePath, title: 'let a program in', content, style, script: pageScript })
