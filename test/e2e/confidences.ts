import { createHmac, randomUUID } from 'node:crypto'
import { expect, vi } from 'vitest'
import { deviceGrant, exchangeGrant, signInAtPortal } from '../setup/portals.ts'
import { linkIn } from '../support/mail/mail-server.ts'
import { personCookie } from '../support/oidc/identity-provider.ts'
import { createTestBrowser } from '../support/oidc/test-browser.ts'
import type { TestBrowser } from '../support/oidc/test-browser.ts'
import type { PeopleAround } from './people-around.ts'
import { returnUrl } from './people-around.ts'

/** What somebody has shown, by what it is. */
export type Shown = Record<string, string>
type Told = Readonly<Record<string, unknown>>

/** People who come by every way that there is, each with something that is for nobody else. */
export function createConfidants(url: string, around: PeopleAround) {
  const shown: Shown = {}
  /** What the api answered, but where it gives what is to be shown once. */
  const answers: Told[] = []

  /** Asks from a page of the api's own origin. */
  async function ask(browser: TestBrowser, method: string, path: string, body?: object): Promise<Told> {
    const headers: Record<string, string> = method === 'POST' ? { 'idempotency-key': randomUUID() } : {}
    const answer = await browser.send(method, `${url}${path}`, { ...(body === undefined ? {} : { body }), headers })
    const text = await answer.text()
    // Every answer of the api with a body is a JSON object.
    return { status: answer.status, ...(text === '' ? {} : (JSON.parse(text) as object)) }
  }
  async function sendForm(path: string, fields: Readonly<Record<string, string>>): Promise<Told> {
    const answer = await fetch(`${url}${path}`, { method: 'POST', body: new URLSearchParams(fields) })
    return { status: answer.status, ...((await answer.json()) as object) }
  }
  const look = async (browser: TestBrowser, ...paths: readonly string[]) => {
    for (const path of paths) {
      const answer = await ask(browser, 'GET', path)
      expect([path, answer['status']]).toEqual([path, 200])
      answers.push(answer)
    }
  }
  const noteCookie = (who: string, browser: TestBrowser) => {
    shown[`the cookie of ${who}`] = browser.cookie(url, 'carrel') ?? ''
  }

  return {
    shown,
    answers,
    ask,
    look,

    /** By OpenID Connect, and once more by the address that was used up. */
    async signIn(person: string): Promise<TestBrowser> {
      const browser = createTestBrowser({})
      browser.setCookie(around.university.issuer, personCookie, person)
      const heard = around.exchanged.length
      const { url: end, way } = await browser.visit(`${url}/v1/sign-in/university`)
      expect(end.href).toBe(`${returnUrl}?signIn=done`)
      const callback = way.find(({ pathname }) => pathname.endsWith('/callback'))
      const again = await browser.visit(String(callback))
      expect(again.url.searchParams.get('signInError')).toBe('sign_in_expired')
      shown[`the code of ${person}`] = callback?.searchParams.get('code') ?? ''
      shown[`the state of ${person}`] = callback?.searchParams.get('state') ?? ''
      const exchanged = around.exchanged[heard] ?? {}
      for (const name of ['id_token', 'access_token', 'refresh_token', 'code_verifier'])
        shown[`the ${name} of ${person}`] = String(exchanged[name] ?? '')
      noteCookie(person, browser)
      return browser
    },

    /** By name and password, the first time with the password in the wrong field; and by a hash of the federation. */
    async signInAtOffice(password: string, hash: string): Promise<void> {
      around.office.passwords.set('ada', password)
      around.office.hashes.set(hash, 'ada')
      shown['the password'] = password
      shown['the hash'] = hash
      const browser = createTestBrowser({})
      const path = '/v1/sign-in/user-office'
      answers.push(await ask(browser, 'POST', path, { username: password, password }))
      expect(answers.at(-1)).toMatchObject({ status: 401 })
      answers.push(await ask(browser, 'POST', path, { username: 'ada', password }))
      expect(answers.at(-1)).toMatchObject({ status: 200 })
      noteCookie('the office', browser)
      const headers = { eaahash: hash }
      const federated = await createTestBrowser({}).send('POST', `${url}/v1/sign-in/umbrella`, { body: {}, headers })
      expect(federated.status).toBe(200)
    },

    /** A portal shows its token, and one that somebody has changed. */
    async exchange(): Promise<void> {
      const { idToken } = await signInAtPortal(around.partners.issuer, 'ada')
      const form = {
        grant_type: exchangeGrant,
        subject_token: idToken,
        subject_token_type: 'urn:ietf:params:oauth:token-type:id_token',
      }
      const given = await sendForm('/v1/token', form)
      expect(given['status']).toBe(200)
      answers.push(await sendForm('/v1/token', { ...form, subject_token: `${idToken.slice(0, -8)}AAAAAAAA` }))
      expect(answers.at(-1)).toMatchObject({ status: 400 })
      shown['the token of the portal'] = idToken.slice(0, -8)
      shown['the exchanged token'] = String(given['access_token'])
      const bearer = { headers: { authorization: `Bearer ${String(given['access_token'])}` } }
      answers.push((await (await fetch(`${url}/v1/whoami`, bearer)).json()) as Told)
    },

    /** A program that is let in by a browser. */
    async letIn(browser: TestBrowser): Promise<void> {
      const begun = await sendForm('/v1/device-authorizations', { client_id: 'carrel-cli' })
      const [deviceCode, userCode] = [String(begun['device_code']), String(begun['user_code'])]
      answers.push(await ask(browser, 'GET', `/v1/device-authorizations/${userCode}`))
      expect(await ask(browser, 'POST', `/v1/device-authorizations/${userCode}/approve`, {})).toEqual({ status: 204 })
      const asked = { grant_type: deviceGrant, device_code: deviceCode, client_id: 'carrel-cli' }
      const given = await sendForm('/v1/token', asked)
      expect(given['status']).toBe(200)
      Object.assign(shown, { 'the device code': deviceCode, 'the code of its person': userCode })
      shown['the token of the program'] = String(given['access_token'])
    },

    /** A machine that signs, and one with a token. */
    async makeKeys(browser: TestBrowser): Promise<void> {
      const what = { name: 'A robot', client: 'robot', scopes: ['read'] }
      const key = await ask(browser, 'POST', '/v1/hawk-keys', what)
      const token = await ask(browser, 'POST', '/v1/tokens', what)
      expect([key['status'], token['status']]).toEqual([201, 201])
      shown['the key'] = String(key['secret'])
      shown['the token'] = String(token['secret'])
      const { hostname: host, port } = new URL(url)
      const [ts, nonce] = [Math.floor(Date.now() / 1_000), randomUUID()]
      const signed = `hawk.1.header\n${ts}\n${nonce}\nGET\n/v1/whoami\n${host}\n${port}\n\n\n`
      const mac = createHmac('sha256', String(key['secret'])).update(signed).digest('base64')
      const authorization = `Hawk id="${String(key['id'])}", ts="${ts}", nonce="${nonce}", mac="${mac}"`
      const answer = await fetch(`${url}/v1/whoami`, { headers: { authorization } })
      expect(answer.status).toBe(200)
      answers.push((await answer.json()) as Told)
    },

    /** One mail arrives and is answered, another one is refused, by name. Returns the ids of the invitations. */
    async invite(host: TestBrowser, guest: TestBrowser, to: string, unknown: string): Promise<readonly string[]> {
      around.mail.refuse(unknown)
      const project = await ask(host, 'POST', '/v1/projects', { name: 'Together' })
      const write = async (email: string) => {
        const body = { email, role: 'viewer' }
        const made = await ask(host, 'POST', `/v1/projects/${String(project['id'])}/invitations`, body)
        expect(made['status']).toBe(201)
        return String(made['id'])
      }
      const ids = [await write(to), await write(unknown)]
      await vi.waitFor(() => expect(around.mail.caught).toHaveLength(1), { timeout: 30_000 })
      const code = new URL(linkIn(around.mail.caught[0] ?? { text: '' })).hash.slice(1)
      shown['the code of the link'] = code
      const views = await ask(guest, 'POST', '/v1/invitation-views', { code })
      const accepted = await ask(guest, 'POST', '/v1/invitation-acceptances', { code })
      expect([views['status'], accepted['status']]).toEqual([200, 200])
      const stateOf = async (id = '') => (await ask(host, 'GET', `/v1/invitations/${id}`))['state']
      await expect.poll(async () => await stateOf(ids[1]), { timeout: 30_000 }).toBe('bounced')
      return ids
    },
  }
}
