/**
 * What an end means to the one who sits before it, and whether opening it again by itself may help. `again`: soon; `later`:
 * only when asked to; `never`: the gateway has another page to show, to which a button leads.
 */
const ends = {
  left: ['The desktop is closed.', 'It goes on running until the session ends.', 'later'],
  desktop_closed: ['The desktop closed the connection.', 'Somebody may have signed out.', 'later'],
  desktop_taken: ['Somebody else took this desktop over.', 'Only one can use it at a time.', 'later'],
  desktop_unreachable: ['The desktop does not answer.', 'It may be starting still.', 'again'],
  desktop_lost: ['The desktop broke off.', 'It may be starting anew.', 'again'],
  credentials_refused: ['The desktop did not let us in.', 'Tell whoever looks after the template.', 'later'],
  guacd_unreachable: ['The desktop service does not answer.', 'It may be starting anew.', 'again'],
  guacd_lost: ['The connection was lost.', 'The desktop itself goes on running.', 'again'],
  guacd_hung: ['The desktop service did not come to a picture.', 'It usually does the next time.', 'again'],
  guacd_busy: ['Many desktops are being opened at this moment.', 'Yours is next in a moment.', 'again'],
  guacd_fault: ['The desktop service ended the connection.', 'It said nothing that helps here.', 'again'],
  nobody_to_watch: ['Nobody has this desktop open.', 'You see it as soon as somebody does.', 'again'],
  recording_unacknowledged: ['This desktop is recorded.', 'It opens when you have agreed.', 'never'],
  recording_unavailable: ['This desktop has to be recorded, and cannot be.', 'Tell whoever runs this site.', 'later'],
  browser_silent: ['Your computer was away.', 'It did not answer for a while.', 'again'],
  browser_slow: ['Your connection is too slow at the moment.', 'It could not keep up with the picture.', 'again'],
  browser_fault: ['This page said something that was not understood.', 'Opening it again helps as a rule.', 'later'],
  withdrawn: ['Your access was withdrawn.', 'Ask the owner of the session.', 'never'],
  ended: ['The session has ended.', 'Nothing of it is left here.', 'never', 'See why'],
  paused: ['The session is paused.', 'Resume it from your portal to go on.', 'never', 'See how it stands'],
  expired: ['Your visit is over.', 'Open the desktop from your portal again.', 'never'],
  cut: ['This connection was closed.', 'The owner of the session or an operator did it.', 'later'],
  unverified: ['Carrel cannot check your access at the moment.', 'Its database does not answer.', 'again'],
  shutdown: ['This gateway is starting anew.', 'The desktop itself goes on running.', 'again'],
  gateway_lost: ['The connection was lost.', 'The desktop itself goes on running.', 'again'],
  gateway_silent: ['Nothing has come from the gateway for a while.', 'The network may be away.', 'again'],
  viewer_fault: ['This page could not read what came.', 'Opening it again helps as a rule.', 'later'],
}

export function meaningOf(word) {
  const [title, text, retry, go] = ends[word] ?? ends.gateway_lost
  return { title, text, retry, go }
}
