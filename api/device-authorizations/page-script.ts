import { namedScopes } from '../../domain/device.ts'
import { scriptBeginning } from '../pages/own-page-script.ts'

/** What the page does, as browsers run it. What a program says of itself is shown as text; nothing is sent before somebody presses. */
export const pageScript = `${scriptBeginning('carrel-device')}
const show = (id, shown) => { at(id).hidden = !shown }
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

const nowhere = 'Nobody signs in with a browser here: make a token in your portal instead.'
const pathOf = (code) => '/v1/device-authorizations/' + encodeURIComponent(code)

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
  if (status === 401) { sessionStorage.setItem(place, code); show('ask', false); return await signIn('Sign in first.', nowhere) }
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
