/** What a hostile page tries: `does` runs in it, with the address that it is after as `to`. */
export interface Attack {
  readonly what: string
  readonly does: string
  /** What the page sees of it. */
  readonly gets: string
  /** How it was answered. */
  readonly answered: readonly string[]
}

const named = 'catch (error) { return error.name }'
const loaded = (element: string, set: string) => `const it = document.createElement('${element}')
  const heard = new Promise((resolve) => { it.onload = () => resolve('load'); it.onerror = () => resolve('error') })
  ${set}; document.body.append(it)`
const framed = `const got = await heard; try { return got + ' ' + it.contentWindow.document.body.textContent } ${named}`
const posted = (target: string) => `const form = document.createElement('form')
  Object.assign(form, { method: 'post', action: to, target: '${target}' }); document.body.append(form); form.submit()`
const socket = `const one = new WebSocket(to.replace('https', 'wss'))
  return await new Promise((resolve) => { one.onopen = () => resolve('open'); one.onclose = ({ code }) => resolve('closed ' + code) })`
const asking = (options: string) => `try { const answer = await fetch(to, { credentials: 'include', ${options} })
  return answer.type + ' ' + await answer.text() } ${named}`

/** Most answers are 403, not 401: to the browser both doors are one site, and it brings the pass along. */
export const againstDoor: readonly Attack[] = [
  { what: 'reads', does: asking(''), gets: 'TypeError', answered: ['GET 403'] },
  { what: 'reads blindly', does: asking("mode: 'no-cors'"), gets: 'TypeError', answered: ['GET 403'] },
  {
    what: 'posts simply',
    does: asking("mode: 'no-cors', method: 'POST', body: 'a=1'"),
    gets: 'TypeError',
    answered: ['POST 403'],
  },
  {
    what: 'posts JSON',
    does: asking("method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}'"),
    gets: 'TypeError',
    answered: ['OPTIONS 401'],
  },
  { what: 'deletes', does: asking("method: 'DELETE'"), gets: 'TypeError', answered: ['OPTIONS 401'] },
  {
    what: 'sends a beacon',
    does: "return String(navigator.sendBeacon(to, 'a'))",
    gets: 'true',
    answered: ['POST 403'],
  },
  {
    what: 'submits a form into a frame',
    does: `${loaded('iframe', "it.name = 'sink'")}; await heard
      const again = new Promise((resolve) => { it.onload = () => resolve('load') }); ${posted('sink')}; await again
      try { return it.contentWindow.document.body.textContent } ${named}`,
    gets: 'SecurityError',
    answered: ['POST 403'],
  },
  {
    what: 'submits a form in a window',
    does: `${posted('_blank')}; return 'sent'`,
    gets: 'sent',
    answered: ['POST 403'],
  },
  {
    what: 'frames it',
    does: `${loaded('iframe', 'it.src = to')}; ${framed}`,
    gets: 'SecurityError',
    answered: ['GET 403'],
  },
  {
    what: 'takes it for a picture',
    does: `${loaded('img', 'it.src = to')}; return await heard`,
    gets: 'error',
    answered: ['GET 403'],
  },
  {
    what: 'takes it for a script',
    does: `${loaded('script', 'it.src = to')}; return await heard`,
    gets: 'error',
    answered: ['GET 403'],
  },
  {
    what: 'listens to its events',
    does: `const one = new EventSource(to, { withCredentials: true })
      return await new Promise((resolve) => { one.onopen = () => resolve('open'); one.onerror = () => { one.close(); resolve('error') } })`,
    gets: 'error',
    answered: ['GET 403'],
  },
  { what: 'opens a WebSocket', does: socket, gets: 'closed 1006', answered: ['GET 403'] },
]

/** The api takes bearer tokens alone, and no cookie. */
export const againstApi: readonly Attack[] = [
  { what: 'reads', does: asking(''), gets: 'TypeError', answered: ['GET 401'] },
  {
    what: 'posts simply',
    does: asking("mode: 'no-cors', method: 'POST', body: '{}'"),
    gets: 'TypeError',
    answered: ['POST 401'],
  },
  {
    what: 'posts JSON',
    does: asking("method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}'"),
    gets: 'TypeError',
    answered: ['OPTIONS 204'],
  },
  {
    what: 'brings a token',
    does: asking("headers: { authorization: 'Bearer carrel_x' }"),
    gets: 'TypeError',
    answered: ['OPTIONS 204'],
  },
  {
    what: 'submits a form in a window',
    does: `${posted('_blank')}; return 'sent'`,
    gets: 'sent',
    answered: ['POST 401'],
  },
  { what: 'opens a WebSocket', does: socket, gets: 'closed 1006', answered: ['GET 401'] },
]
