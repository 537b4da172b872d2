import { createHash } from 'node:crypto'

export interface PageContent {
  readonly title: string
  readonly sentences: readonly string[]
  /** How far something has come, 0–100. */
  readonly percent?: number | null
  /** The page looks again by itself. */
  readonly refreshSeconds?: number
  /** Markup and script of Carrel's own: never with anything of a request in it. */
  readonly markup?: string
  readonly script?: string
}

const style = `
:root{color-scheme:light dark;--ink:#1c2330;--soft:#5b6475;--ground:#f4f5f8;--sheet:#fff;--line:#dde1e8;--accent:#2f5fd0}
@media (prefers-color-scheme:dark){:root{--ink:#e8eaf0;--soft:#a3abba;--ground:#14171d;--sheet:#1d2129;--line:#303642;--accent:#8fb0ff}}
*{box-sizing:border-box}
body{margin:0;min-height:100vh;display:grid;place-items:center;padding:1.5rem;background:var(--ground);color:var(--ink);font:1rem/1.6 system-ui,sans-serif}
main{width:100%;max-width:34rem;background:var(--sheet);border:1px solid var(--line);border-radius:.75rem;padding:2rem 2.25rem}
h1{font-size:1.35rem;line-height:1.3;margin:0 0 .75rem}
p{margin:0 0 .75rem;color:var(--soft)}
p:last-child{margin-bottom:0}
progress{width:100%;height:.5rem;margin:.5rem 0 1rem;accent-color:var(--accent)}
button{font:inherit;padding:.5rem 1.1rem;border-radius:.5rem;border:1px solid var(--accent);background:var(--accent);color:var(--sheet);cursor:pointer}
button:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
.mark{margin:0 0 1.25rem;font-size:.8rem;letter-spacing:.14em;text-transform:uppercase}
[hidden]{display:none}
`

const hashOf = (text: string) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`
const styleHash = hashOf(style)

const marks: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }
/** A text as it may stand in markup and in attributes. */
export const escaped = (text: string): string => text.replace(/[&<>"']/g, (mark) => marks[mark] ?? '')

export interface Page {
  readonly html: string
  /** Headers that go with it: nothing is kept, nothing is loaded from elsewhere, no address is told on. */
  readonly headers: readonly string[]
}

/** Renders a page of Carrel's own at a door. `frameAncestors`: origins that may show it within themselves. */
export function renderPage(content: PageContent, frameAncestors: readonly string[]): Page {
  const { title, sentences, percent, refreshSeconds, markup = '', script } = content
  const bar =
    percent === undefined ? '' : percent === null ? '<progress aria-label="Progress"></progress>' : progressBar(percent)
  const html = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
${refreshSeconds === undefined ? '' : `<meta http-equiv="refresh" content="${refreshSeconds}">\n`}<title>${escaped(title)}</title>
<style>${style}</style>
</head>
<body>
<main>
<p class="mark">Carrel</p>
<h1 id="title">${escaped(title)}</h1>
${bar}${sentences.map((sentence) => `<p>${escaped(sentence)}</p>`).join('\n')}
${markup}
</main>
${script === undefined ? '' : `<script>${script}</script>\n`}</body>
</html>
`
  const policy = [
    "default-src 'none'",
    `style-src ${styleHash}`,
    ...(script === undefined ? [] : [`script-src ${hashOf(script)}`, "connect-src 'self'"]),
    "base-uri 'none'",
    "form-action 'none'",
    `frame-ancestors ${frameAncestors.length === 0 ? "'none'" : frameAncestors.join(' ')}`,
  ].join('; ')
  return { html, headers: ['Content-Type', 'text/html; charset=utf-8', 'Content-Security-Policy', policy] }
}

const progressBar = (percent: number) =>
  `<progress max="100" value="${Math.round(percent)}" aria-label="Progress">${Math.round(percent)} %</progress>`

/** What every answer of Carrel's own carries, page or not. */
export const ownHeaders: readonly string[] = [
  'Cache-Control',
  'no-store',
  'Referrer-Policy',
  'no-referrer',
  'X-Content-Type-Options',
  'nosniff',
  'Cross-Origin-Opener-Policy',
  'same-origin',
  'Cross-Origin-Resource-Policy',
  'same-origin',
]
