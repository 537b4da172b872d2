import { renderPage } from './layout.ts'
import type { Page } from './layout.ts'

/** Between tries: together well within the 30 s that a ticket lives. */
const pausesMs = [500, 1_500, 3_000, 5_000]
const answerMs = 8_000

/**
 * Takes the ticket out of the fragment, which no server has seen, and posts it to its own origin. Nothing happens on GET: whoever
 * looks at a link before its user does uses up no ticket. A request that did not get through is made again.
 */
const script = `
(() => {
  const byId = (id) => document.getElementById(id)
  const say = (title, text) => { byId('title').textContent = title; byId('text').textContent = text }
  const fields = new URLSearchParams(location.hash.slice(1))
  const ticket = fields.get('ticket')
  // Below a host that doors share, what stands in front of this page is the door's.
  const base = location.pathname.replace(/\\/\\.carrel\\/open$/, '')
  history.replaceState(null, '', location.pathname)
  const refusals = {
    ticket_expired: 'The link was good for half a minute and is not any more.',
    ticket_used: 'The link was used already.',
    ticket_unknown: 'The link is not one for this door.',
    no_access: 'You have no access to this session any more.',
    ended: 'The session has ended.',
  }
  const refuse = (code) => say('The door did not open', (refusals[code] || 'The link is not good.') + ' Open it again from your portal.')
  const offer = (label, deed) => {
    const button = byId('continue')
    button.textContent = label
    button.hidden = false
    button.focus()
    button.onclick = () => { button.hidden = true; deed() }
  }
  const ask = (answer) => {
    const current = answer.current || 'another account'
    const asked = answer.asked || 'the account of this link'
    say('Another account uses this door', 'You are using this door as ' + current + '. Continue as ' + asked + '?')
    offer('Continue as ' + asked, () => void open(true))
  }
  const post = async (replace) => {
    const response = await fetch('redeem', {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json' },
      body: JSON.stringify({ ticket, replace }),
      cache: 'no-store',
      redirect: 'error',
      signal: AbortSignal.timeout(${answerMs}),
    })
    return { ok: response.ok, answer: await response.json() }
  }
  // Once an answer is missing, nobody here knows whether the ticket was used.
  let lost = false
  const persist = async (replace) => {
    for (const pause of ${JSON.stringify([...pausesMs, null])}) {
      const got = await post(replace).catch(() => null)
      if (got !== null && got.answer.code !== 'unavailable') return got
      lost = true
      if (pause === null) return null
      say('The door is being opened', 'Carrel does not answer. Trying again.')
      await new Promise((resolve) => setTimeout(resolve, pause))
    }
  }
  const open = async (replace) => {
    const got = await persist(replace)
    if (got === null) {
      say('The door did not open', 'Carrel cannot be reached. Try again; when half a minute is over, open it again from your portal.')
      return offer('Try again', () => void open(replace))
    }
    const { ok, answer } = got
    if (answer.code === 'other_account') return ask(answer)
    if (!ok && answer.code === 'ticket_used' && lost) {
      say('The door may be open', 'The link worked, but its answer was lost on the way. Go to the door; where it is closed, open it again from your portal.')
      return offer('Go to the door', () => location.replace(base + '/'))
    }
    if (!ok) return refuse(answer.code)
    const path = String(answer.path)
    location.replace(base + (/^\\/(?![\\/\\\\])/.test(path) ? path : '/'))
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

const sharedSentence =
  'On this address all doors are one origin: what runs in one session reaches the others of whoever opens them. It is for trying out alone.'

/**
 * The page at which a door is opened: the same for everybody, whatever is asked. `shared`: doors are paths of one host, and it says
 * what that means.
 */
export const openPage = (frameAncestors: readonly string[], shared = false): Page =>
  renderPage(
    { title: 'The door is being opened', sentences: shared ? [sharedSentence] : [], markup, script },
    frameAncestors,
  )
