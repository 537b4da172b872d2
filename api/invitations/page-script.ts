import { scriptBeginning } from '../pages/own-page-script.ts'

/** What the page does, as browsers run it. */
export const pageScript = `${scriptBeginning('carrel-invitation')}
const code = sessionStorage.getItem(place)
const done = (text) => { sessionStorage.removeItem(place); at('choice').hidden = true; at('ways').hidden = true; say(text) }

const offer = ({ inviter, project, session, role, mode, expiresAt }) => {
  const until = new Date(expiresAt).toLocaleString()
  const what = session === null
    ? 'to the project ' + project.name + ' (' + role + ')'
    : (mode === 'view' ? 'to watch' : 'to work in') + ' the session ' + session.name + ' of the project ' + project.name
  return inviter.displayName + ' invites you ' + what + ', until ' + until + '.'
}

const nowhere = 'Sign in to your portal, and accept the invitation there.'
const show = async () => {
  if (code === null) return say('This page needs the whole link from the mail.')
  const { status, body } = await call('/v1/invitation-views', { code })
  if (status === 401) return await signIn('Sign in to see it.', nowhere)
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
  const { status, body } = await call(path, { code })
  if (status === 200) return done(text)
  for (const id of ['accept', 'decline']) at(id).disabled = false
  say(body.detail ?? 'That did not work. Try again in a moment.')
}
at('accept').addEventListener('click', () => later(answer('/v1/invitation-acceptances', 'Accepted. You find it in your portal.')))
at('decline').addEventListener('click', () => later(answer('/v1/invitation-refusals', 'Declined.')))
later(show())
`
