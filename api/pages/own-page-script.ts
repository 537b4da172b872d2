/**
 * What the scripts of Carrel's own pages begin with, as browsers run it. What stands behind the # of the address leaves it at once, and
 * outlives the way to the sign-in and back in the tab's own storage, under `place`. What the server tells is shown as text, never as
 * markup. Gives the rest of a script: `place`, `at(id)`, `say(text)`, `call(path, body?)` and `signIn(first, nowhere)`, which shows the
 * ways to sign in, or says `nowhere` where there are none.
 */
export const scriptBeginning = (place: string): string => `'use strict'
const place = '${place}'
const found = location.hash.slice(1)
if (found !== '') {
  sessionStorage.setItem(place, found)
  history.replaceState(null, '', location.pathname)
}
const at = (id) => document.getElementById(id)
const say = (text) => { at('text').textContent = text }

const call = async (path, body) => {
  const answer = await fetch(path, {
    method: body === undefined ? 'GET' : 'POST',
    credentials: 'same-origin',
    headers: body === undefined ? {} : { 'content-type': 'application/json' },
    body: body === undefined ? undefined : JSON.stringify(body),
  })
  return { status: answer.status, body: await answer.json().catch(() => ({})) }
}

const signIn = async (first, nowhere) => {
  const { status, body } = await call('/v1/sign-in-methods')
  const items = status === 200 ? body.items : []
  if (items.length === 0) return say(nowhere)
  say(first)
  const back = '?returnUrl=' + encodeURIComponent(location.origin + location.pathname)
  for (const { name, url } of items) {
    const link = document.createElement('a')
    link.href = url + back
    link.textContent = name
    const item = document.createElement('li')
    item.append(link)
    at('ways').append(item)
  }
  at('ways').hidden = false
}
`
