import { namedScopes } from '../../domain/device.ts'

/**
 * What the page does, as browsers run it. A code behind the # leaves the address bar at once, and outlives the way to the sign-in and back
 * in the tab's own storage. What a program says of itself is shown as text, never as markup; nothing is sent before somebody presses.
 */
export const pageScript = `'use strict'
const place = 'carrel-device'
const found = location.hash.slice(1)
if (found !== '') {
  sessionStorage.setItem(place, found)
  history.replaceState(null, '', location.pathname)
}
const at = (id) => document.getElementById(id)
const show = (id, shown) => { at(id).hidden = !shown }
const say = (text) => { at('text').textContent = text }
const done = (text) => {
  sessionStorage.removeItem(place)
  for (const id of ['ask', 'ways', 'choice']) show(id, false)
  say(text)
}
const means = {
  read: 'read what is yours',
  sessions: 'start, use and stop sessions',
  projects: 'change projects and invite people',
  tokens: 'make and end your tokens',
  admin: 'whatever you may do as an admin',
}
const namedScopes = ${JSON.stringify(namedScopes)}

const call = async (path, body) => {
  const answer = await fetch(path, {
    method: body === undefined ? 'GET' : 'POST',
    credentials: 'same-origin',
    headers: body === undefined ? {} : { 'content-type': 'application/json' },
    body: body === undefined ? undefined : JSON.stringify(body),
  })
  return { status: answer.status, body: await answer.json().catch(() => ({})) }
}
const pathOf = (code) => '/v1/device-authorizations/' + encodeURIComponent(code)

const signIn = async () => {
  const { status, body } = await call('/v1/sign-in-methods')
  const items = status === 200 ? body.items : []
  if (items.length === 0) return say('Nobody signs in with a browser here: make a token in your portal instead.')
  say('Sign in first.')
  const back = '?returnUrl=' + encodeURIComponent(location.origin + location.pathname)
  for (const { name, url } of items) {
    const link = document.createElement('a')
    link.href = url + back
    link.textContent = name
    const item = document.createElement('li')
    item.append(link)
    at('ways').append(item)
  }
  show('ways', true)
}

let current = null
const offer = (code, asked) => {
  current = code
  at('client').textContent = asked.client
  at('from').textContent = asked.address ?? 'unknown'
  at('agent').textContent = asked.userAgent ?? 'nothing'
  at('asked').textContent = new Date(asked.createdAt).toLocaleString()
  at('scopes').replaceChildren(...asked.scopes.map((scope) => {
    const box = document.createElement('input')
    box.type = 'checkbox'
    box.value = scope
    box.checked = !namedScopes.includes(scope)
    const label = document.createElement('label')
    label.append(box, ' ' + scope + ': ' + (means[scope] ?? 'something new'))
    const item = document.createElement('li')
    item.append(label)
    return item
  }))
  say('The code ' + code.toUpperCase() + ' is of this program:')
  show('ask', false)
  show('choice', true)
}

const look = async (code) => {
  const { status, body } = await call(pathOf(code))
  if (status === 401) { sessionStorage.setItem(place, code); show('ask', false); return await signIn() }
  if (status === 404) { sessionStorage.removeItem(place); show('ask', true); return say('Nobody waits under this code: it is mistyped, too old, or was answered.') }
  if (status !== 200) { show('ask', true); return say(body.detail ?? 'That did not work. Try again in a moment.') }
  offer(code, body)
}

const answer = async (path, body, text) => {
  for (const id of ['approve', 'deny']) at(id).disabled = true
  const { status, body: said } = await call(pathOf(current) + path, body)
  if (status === 204) return done(text)
  for (const id of ['approve', 'deny']) at(id).disabled = false
  say(said.detail ?? 'That did not work. Try again in a moment.')
}
const later = (promise) => promise.catch(() => say('Carrel does not answer. Try again in a moment.'))
at('ask').addEventListener('submit', (event) => {
  event.preventDefault()
  const code = at('code').value.trim()
  if (code !== '') later(look(code))
})
at('approve').addEventListener('click', () => {
  const scopes = [...document.querySelectorAll('#scopes input:checked')].map((box) => box.value)
  if (scopes.length === 0) return say('Choose at least one thing, or deny.')
  later(answer('/approve', { scopes }, 'It is let in. You find its token among yours, and may end it there.'))
})
at('deny').addEventListener('click', () => later(answer('/deny', {}, 'Denied. It gets nothing.')))

const code = sessionStorage.getItem(place)
if (code === null) {
  say('Type the code that the program shows.')
  show('ask', true)
} else later(look(code))
`
