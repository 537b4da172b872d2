import { mountOwnPage } from '../pages/own-page.ts'
import type { App } from '../route.ts'
import { pageScript } from './page-script.ts'

const content = `<h1>You are invited</h1>
<p id="text" role="status">One moment…</p>
<ul id="ways" hidden></ul>
<p id="choice" hidden><button id="accept">Accept</button> <button id="decline" class="quiet">Decline</button></p>`

/**
 * Carrel's own page for links to invitations, for sites whose portal has none. Getting it changes nothing and tells nothing: the
 * code stands behind the # of the address, which no browser sends. Returns its addresses.
 */
export const mountInvitationPage = (app: App): readonly string[] =>
  mountOwnPage(app, { path: '/invitation', title: 'an invitation', content, script: pageScript })
