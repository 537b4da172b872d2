import { renderPage } from './layout.ts'
import type { Page } from './layout.ts'

/**
 * Takes the ticket out of the fragment, which no server has seen, and posts it to its own origin. Nothing happens on GET: whoever
 * looks at a link before its user does uses up no ticket.
 */
const script = `
(() => {
  const byId = (id) => document.getElementById(id)
  const say = (title, text) => { byId('title').textContent = title; byId('text').textContent = text }
  const fields = new URLSearchParams(location.hash.slice(1))
  const ticket = fields.get('ticket')
  history.replaceState(null, '', location.pathname)
  const refusals = {
    ticket_expired: 'The link was good for half a minute and is not any more.',
    ticket_used: 'The link was used already.',
    ticket_unknown: 'The link is not one for this door.',
    no_access: 'You have no access to this session any more.',
    ended: 'The session has ended.',
    unavailable: 'Carrel cannot look right now.',
  }
  const refuse = (code) => say('The door did not open', (refusals[code] || 'The link is not good.') + ' Open it again from your portal.')
  const ask = (answer) => {
    const current = answer.current || 'another account'
    const asked = answer.asked || 'the account of this link'
    say('Another account uses this door', 'You are using this door as ' + current + '. Continue as ' + asked + '?')
    const button = byId('continue')
    button.textContent = 'Continue as ' + asked
    button.hidden = false
    button.focus()
    button.addEventListener('click', () => { button.disabled = true; void open(true) }, { once: true })
  }
  const open = async (replace) => {
    try {
      const response = await fetch('/.carrel/redeem', {
        method: 'POST',
        headers: { 'content-type': 'application/json', accept: 'application/json' },
        body: JSON.stringify({ ticket, replace }),
        cache: 'no-store',
        redirect: 'error',
      })
      const answer = await response.json()
      if (answer.code === 'other_account') return ask(answer)
      if (!response.ok) return refuse(answer.code)
      const path = String(answer.path)
      location.replace(/^\\/(?![\\/\\\\])/.test(path) ? path : '/')
    } catch {
      refuse('unavailable')
    }
  }
  // Another link to this door, followed in the same window, changes nothing but the fragment.
  addEventListener('hashchange', () => location.reload())
  if (ticket) void open(false)
  else refuse('none')
})()
`

const markup = `<p id="text" role="status">One moment.</p>
<p><button id="continue" type="button" hidden>Continue</button></p>
<noscript><p>Doors need JavaScript to open.</p></noscript>`

/** The page at which a door is opened: the same for everybody, whatever is asked. */
export const openPage = (frameAncestors: readonly string[]): Page =>
  renderPage({ title: 'The door is being opened', sentences: [], markup, script }, frameAncestors)
