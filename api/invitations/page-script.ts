/**
 * What the page does, as browsers run it. The code leaves the address bar at once, and outlives the way to the sign-in and back in the
 * tab's own storage. What the server tells is shown as text, never as markup.
 */
export const pageScript = `'use strict'
const place = 'carrel-invitation'
const found = location.hash.slice(1)
if (found !== '') {
  sessionStorage.setItem(place, found)
  history.replaceState(null, '', location.pathname)
}
const code = sessionStorage.getItem(place)
const at = (id) => document.getElementById(id)
const say = (text) => { at('text').textContent = text }
const done = (text) => { sessionStorage.removeItem(place); at('choice').hidden = true; at('ways').hidden = true; say(text) }

const ask = async (path, body) => {
  const answer = await fetch(path, {
    method: body === undefined ? 'GET' : 'POST',
    credentials: 'same-origin',
    headers: body === undefined ? {} : { 'content-type': 'application/json' },
    body: body === undefined ? undefined : JSON.stringify(body),
  })
  return { status: answer.status, body: await answer.json().catch(() => ({})) }
}

const offer = ({ inviter, project, session, role, mode, expiresAt }) => {
  const until = new Date(expiresAt).toLocaleString()
  const what = session === null
    ? 'to the project ' + project.name + ' (' + role + ')'
    : (mode === 'view' ? 'to watch' : 'to work in') + ' the session ' + session.name + ' of the project ' + project.name
  return inviter.displayName + ' invites you ' + what + ', until ' + until + '.'
}

const signIn = async () => {
  const { status, body } = await ask('/v1/sign-in-methods')
  const items = status === 200 ? body.items : []
  if (items.length === 0) return say('Sign in to your portal, and accept the invitation there.')
  say('Sign in to see it.')
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

const show = async () => {
  if (code === null) return say('This page needs the whole link from the mail.')
  const { status, body } = await ask('/v1/invitation-views', { code })
  if (status === 401) return await signIn()
  if (status === 404) return done('This link leads nowhere: it may be incomplete, or too old.')
  if (status !== 200) return say('That did not work. Try again in a moment. (' + (body.code ?? status) + ')')
  if (body.why === 'invitation_over') return done('This invitation is over: ' + body.state + '.')
  if (body.why === 'email_differs') return say(offer(body) + ' It is for ' + body.email + ': sign in with that address.')
  if (body.why === 'terms_not_accepted') return say(offer(body) + ' Accept the current terms of use first.')
  say(offer(body))
  at('choice').hidden = false
}

const answer = async (path, text) => {
  for (const id of ['accept', 'decline']) at(id).disabled = true
  const { status, body } = await ask(path, { code })
  if (status === 200) return done(text)
  for (const id of ['accept', 'decline']) at(id).disabled = false
  say(body.detail ?? 'That did not work. Try again in a moment.')
}
at('accept').addEventListener('click', () => answer('/v1/invitation-acceptances', 'Accepted. You find it in your portal.'))
at('decline').addEventListener('click', () => answer('/v1/invitation-refusals', 'Declined.'))
show().catch(() => say('Carrel does not answer. Try again in a moment.'))
`
