import { otherFailureSentence, signInFailureSentences } from './sign-in-failures.ts'

/**
 * What the scripts of Carrel's own pages begin with, as browsers run it. What stands behind the # of the address leaves it at once, and
 * outlives the way to the sign-in and back in the tab's own storage, under `place`. What the server tells is shown as text, never as
 * markup. Gives the rest of a script: `place`, `at(id)`, `say(text)`, `call(path, body?)`, `later(promise)`, which says where the server does
 * not answer, and `signIn(first, nowhere)`, which shows the ways to sign in that it knows (pages of issuers, names and passwords, the
 * federation), or says `nowhere` where there are none; before `first` it says why a sign-in led to nothing that came back here.
 */
export const scriptBeginning = (place: string): string => `'use strict'
const place = '${place}'
const found = location.hash.slice(1)
if (found !== '') sessionStorage.setItem(place, found)
const failure = new URLSearchParams(location.search).get('signInError')
if (found !== '' || location.search !== '') history.replaceState(null, '', location.pathname)
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

const here = location.origin + location.pathname
const made = (tag, members, ...inside) => {
  const element = Object.assign(document.createElement(tag), members)
  element.append(...inside)
  return element
}
const enter = async (button, url, body) => {
  button.disabled = true
  const { status, body: said } = await call(url, { ...body, returnUrl: here })
  if (status === 200) return location.replace(here)
  button.disabled = false
  say(said.detail ?? 'That did not work. Try again in a moment.')
}
const later = (promise) => promise.catch(() => say('Carrel does not answer. Try again in a moment.'))

const waysOf = {
  openid_connect: ({ name, url }) =>
    made('a', { href: url + '?returnUrl=' + encodeURIComponent(here), textContent: name }),
  user_office: ({ name, url }) => {
    const username = made('input', { autocomplete: 'username', required: true, maxLength: 100 })
    const password = made('input', { type: 'password', autocomplete: 'current-password', required: true, maxLength: 1000 })
    const button = made('button', { textContent: 'Sign in' })
    const labels = [['Your name at: ' + name, username], ['Password', password]].map((one) => made('label', {}, ...one))
    const form = made('form', { className: 'passwords' }, ...labels, button)
    form.addEventListener('submit', (event) => {
      event.preventDefault()
      const shown = { username: username.value.trim(), password: password.value }
      password.value = ''
      return later(enter(button, url, shown))
    })
    return form
  },
  umbrella: ({ name, url }) => {
    const button = made('button', { className: 'quiet', textContent: name + ': through the federation' })
    button.addEventListener('click', () => later(enter(button, url, {})))
    return button
  },
}

const failures = ${JSON.stringify(signInFailureSentences)}
const failed = (code) => Object.hasOwn(failures, code) ? failures[code] : '${otherFailureSentence}'

const signIn = async (first, nowhere) => {
  const { status, body } = await call('/v1/sign-in-methods')
  const items = status === 200 ? body.items.filter(({ kind }) => Object.hasOwn(waysOf, kind)) : []
  if (items.length === 0) return say(nowhere)
  say(failure === null ? first : failed(failure) + ' ' + first)
  at('ways').append(...items.map((way) => made('li', {}, waysOf[way.kind](way))))
  at('ways').hidden = false
}
`
