import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import type { Configuration } from '../../db/bootstrap.ts'
import { holdPort } from '../../stack/ports.ts'
import { fakeConfiguration, quickTimings } from '../setup/fake-site.ts'
import { deviceGrant } from '../setup/portals.ts'
import { clientOf, createSite } from '../setup/site.ts'
import type { Site } from '../setup/site.ts'
import { plainTemplate } from '../setup/template.ts'
import { goThrough, goTo, launchChromium, leftOut, persisting } from '../support/doors/chromium.ts'
import { linkIn, startMailServer } from '../support/mail/mail-server.ts'
import type { MailServer } from '../support/mail/mail-server.ts'
import { startIdentityProvider } from '../support/oidc/identity-provider.ts'
import type { TestIdentityProvider } from '../support/oidc/identity-provider.ts'
import { startUserOffice } from '../support/user-office/user-office.ts'
import type { TestUserOffice } from '../support/user-office/user-office.ts'
import { ask, untilLive, untilReady, watchLive } from './pages.ts'
import { templateId } from './portal.ts'

const patience = { timeout: 60_000 }
const cutWithinMs = 5_000
const guest = 'grace@elsewhere.example'
const web = {
  protocol: 'http',
  port: 8888,
  modes: ['control', 'view'],
  readOnly: { port: 8889 },
} as const
const configuration: Configuration = {
  ...fakeConfiguration(2),
  templates: [{ name: 'open', spec: { ...plainTemplate, doors: { web }, sharing: 'invited' } }],
}

// All that people meet is real: the issuer, the mail server, api, worker and gateway as processes, two browsers of two people.
describe.skipIf(leftOut)('two people, from the sign-in to the end of what they shared', () => {
  let mail: MailServer
  let idp: TestIdentityProvider
  let office: TestUserOffice
  let site: Site
  let browser: Browser
  /** As browsers see it: another site than the issuer. */
  let origin: string
  let templateOfSite: string
  const took: [step: string, ms: number][] = []

  async function step<T>(name: string, deed: () => Promise<T>): Promise<T> {
    const began = performance.now()
    const result = await deed()
    took.push([name, performance.now() - began])
    return result
  }

  beforeAll(async () => {
    const held = [await holdPort(), await holdPort()] as const
    const [apiPort, doorsPort] = [held[0].port, held[1].port]
    origin = `http://localhost:${apiPort}`
    const client = { client_id: 'carrel', client_secret: 'a secret of the client' }
    ;[mail, idp, browser, office] = await Promise.all([
      startMailServer(),
      startIdentityProvider({
        clients: [{ ...client, redirect_uris: [`${origin}/v1/sign-in/university/callback`] }],
        accounts: {
          ada: { name: 'Ada', email: 'ada@site.example', email_verified: true },
          grace: { name: 'Grace', email: guest, email_verified: true },
        },
      }),
      launchChromium(),
      startUserOffice(),
    ])
    const university = {
      id: 'university',
      name: 'The university',
      issuer: idp.issuer,
      clientId: client.client_id,
      clientSecret: client.client_secret,
      firstSignIn: { rule: 'invitation' },
    }
    office.passwords.set('mary', 'correct horse')
    const userOffice = { issuer: office.url, passwords: { url: `${office.url}/login` }, firstSignIn: { rule: 'open' } }
    const invitations = { CARREL_INVITATION_DELIVERY: 'mail', CARREL_INVITATION_URL: `${origin}/invitation` }
    site = await createSite({ configuration, timings: quickTimings, variables: { CARREL_DIRECT_DOORS: 'false' } })
    await Promise.all(held.map(async ({ release }) => await release()))
    const [{ url }] = await Promise.all([
      site.startApi({
        ...invitations,
        CARREL_API_PORT: String(apiPort),
        CARREL_PUBLIC_URL: origin,
        CARREL_GATEWAY_PORT: String(doorsPort),
        CARREL_ISSUERS: JSON.stringify([university]),
        CARREL_USER_OFFICE: JSON.stringify(userOffice),
        CARREL_RETURN_URLS: `${origin}/docs`,
      }),
      site.startWorker('worker/main.ts', {
        ...invitations,
        CARREL_WORKER_ROLES: 'core,provider/*,mail',
        CARREL_SMTP_URL: `smtp://${mail.host}:${mail.port}`,
        CARREL_SMTP_TLS: 'none',
        CARREL_MAIL_FROM: 'Carrel <carrel@site.example>',
      }),
      site.startGateway(doorsPort),
    ])
    const path = `/v1/accounts/${site.user.accountId}/identities/link`
    const linked = await clientOf(url, site.admin.token)('POST', path, { issuer: idp.issuer, subject: 'ada' })
    expect([linked.status, linked.body['code']]).toEqual([200, undefined])
    templateOfSite = await templateId(clientOf(url, site.user.token))
  })
  afterAll(async () => {
    await browser?.close()
    await site?.close()
    await Promise.all([mail?.close(), idp?.close(), office?.close()])
  })

  /** Says who one is, at the issuer's own page. */
  async function signInAs(page: Page, person: string): Promise<void> {
    await page.getByLabel('Who').fill(person, patience)
    await persisting(async () => await page.getByRole('button', { name: 'Sign in' }).click(patience))
  }
  const cookieNames = async (context: BrowserContext) => (await context.cookies(origin)).map(({ name }) => name)

  test('sign in, start, invite by mail, accept, look, be removed, be cut', async () => {
    const [ada, grace] = [await browser.newContext(), await browser.newContext()]
    const [hers, theirs, door] = [await ada.newPage(), await grace.newPage(), await grace.newPage()]

    await step('signs in', async () => {
      const returnUrl = encodeURIComponent(`${origin}/docs`)
      await goTo(hers, `${origin}/v1/sign-in/university?returnUrl=${returnUrl}`)
      await signInAs(hers, 'ada')
      await hers.waitForURL(`${origin}/docs?signIn=done`, { ...patience, waitUntil: 'commit' })
    })
    expect(await cookieNames(ada)).toContain('carrel')
    // A page that asks for nothing else meanwhile.
    await goTo(hers, `${origin}/invitation`)
    expect((await ask(hers, 'GET', '/v1/whoami')).body['account']).toMatchObject({ id: site.user.accountId })

    const id = await step('starts a session', async () => {
      const project = await ask(hers, 'POST', '/v1/projects', { name: 'Together' })
      const projectId = String(project.body['id'])
      expect((await ask(hers, 'PATCH', `/v1/projects/${projectId}`, { sharing: 'invited' })).status).toBe(200)
      const wish = { templateId: templateOfSite, projectId, name: 'A look at it' }
      const made = await ask(hers, 'POST', '/v1/sessions', wish)
      expect(made.body).toMatchObject({ projectId })
      return await untilReady(hers, String(made.body['id']))
    })

    const link = await step('invites by mail', async () => {
      const invited = await ask(hers, 'POST', `/v1/sessions/${id}/invitations`, { email: guest, mode: 'view' })
      expect(invited).toMatchObject({ status: 201, body: { delivery: 'mail', link: null } })
      await vi.waitFor(() => expect(mail.caught.map(({ to }) => to)).toEqual([[guest]]), patience)
      return linkIn(mail.caught[0] ?? { text: '' })
    })

    await step('signs in by the link', async () => {
      await goTo(theirs, link)
      await theirs.getByRole('link', { name: 'The university' }).click(patience)
      await signInAs(theirs, 'grace')
      await theirs.locator('#accept').waitFor(patience)
      expect(theirs.url()).not.toContain('carrel_invitation')
      expect(await theirs.textContent('#text')).toContain('to watch the session A look at it of the project Together')
    })
    await step('accepts', async () => {
      await theirs.locator('#accept').click(patience)
      await theirs.getByText('Accepted.').waitFor(patience)
    })

    const open = async (mode: string) =>
      await ask(theirs, 'POST', `/v1/sessions/${id}/connections`, { door: 'web', mode })
    expect((await open('control')).status).toBe(403)
    await step('opens the door to look', async () => {
      const address = async () => {
        const { status, body } = await open('view')
        expect([status, body['code']]).toEqual([201, undefined])
        return String(body['url'])
      }
      await goThrough(door, address, ({ pathname }) => pathname === '/')
      await door.getByText('a fake instance').waitFor(patience)
    })

    const { body: who } = await ask(theirs, 'GET', '/v1/whoami')
    // What everybody is told of themselves.
    const { id: graceId } = who['account'] as { readonly id: string }
    await door.evaluate(watchLive)
    await untilLive(door, 'open')
    await step('is removed, and cut', async () => {
      expect((await ask(hers, 'DELETE', `/v1/sessions/${id}/collaborators/${graceId}`)).status).toBe(204)
      await untilLive(door, 'cut')
    })
    expect((await open('view')).status).toBeGreaterThanOrEqual(403)
    expect((await persisting(async () => await door.reload()))?.status()).toBeGreaterThanOrEqual(401)
    expect(await door.textContent('body')).not.toContain('a fake instance')

    await step('stops the session', async () => {
      expect((await ask(hers, 'DELETE', `/v1/sessions/${id}`)).status).toBeLessThan(300)
    })
    console.log(took.map(([name, ms]) => `${name}: ${ms.toFixed(0)} ms`).join('\n'))
    expect(took.find(([name]) => name === 'is removed, and cut')?.[1]).toBeLessThanOrEqual(cutWithinMs)
  })

  test('a name and a password of the user office, and a program is let in', async () => {
    const post = async (path: string, fields: Readonly<Record<string, string>>) => {
      const answer = await fetch(`${origin}${path}`, { method: 'POST', body: new URLSearchParams(fields) })
      return (await answer.json()) as Readonly<Record<string, string>>
    }
    const begun = await post('/v1/device-authorizations', { client_id: 'carrel-cli' })
    const page = await (await browser.newContext()).newPage()
    await goTo(page, begun['verification_uri_complete'] ?? '')
    const signIn = async (password: string) => {
      await page.getByLabel('Your name at: User office').fill('mary', patience)
      await page.getByLabel('Password').fill(password, patience)
      await page.getByRole('button', { name: 'Sign in' }).click(patience)
    }
    await signIn('wrong')
    await page.getByText('does not know this name').waitFor(patience)
    await signIn('correct horse')
    await page.locator('#choice').waitFor(patience)
    expect(await page.textContent('#text')).toContain(begun['user_code'])
    await page.getByRole('button', { name: 'Let it in' }).click(patience)
    await page.getByText('It is let in.').waitFor(patience)
    const grant = { grant_type: deviceGrant, device_code: begun['device_code'] ?? '', client_id: 'carrel-cli' }
    const { access_token: token = '' } = await post('/v1/token', grant)
    const who = await clientOf(origin, token)('GET', '/v1/whoami')
    expect(who.body['identities']).toMatchObject([{ issuer: office.url, subject: 'mary' }])
  })
})
