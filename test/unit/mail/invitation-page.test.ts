import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { pageScript } from '../../../api/invitations/page-script.ts'
import { signInFailureSentences } from '../../../api/pages/sign-in-failures.ts'
import { signInFailures } from '../../../domain/sign-in.ts'

interface Told {
  readonly method: string
  readonly path: string
  readonly body: unknown
}

class Element {
  textContent = ''
  hidden = true
  disabled = false
  href = ''
  value = ''
  readonly inside: (Element | string)[] = []
  click: (event?: object) => Promise<void> = async () => {}
  append(...children: (Element | string)[]) {
    this.inside.push(...children)
  }
  addEventListener(_: string, heard: () => Promise<void>) {
    this.click = heard
  }
  /** It and all that is in it. */
  all(): Element[] {
    return [this, ...this.inside.flatMap((child) => (typeof child === 'string' ? [] : child.all()))]
  }
}

/** Opens the page as a browser would, before a server that answers so. */
async function open(hash: string, answers: Readonly<Record<string, readonly [number, object]>>, search = '') {
  const told: Told[] = []
  const stored = new Map<string, string>()
  const elements = new Map<string, Element>()
  const replaced: string[] = []
  const replace = (url: string) => void replaced.push(url)
  const location = { hash, search, pathname: '/invitation', origin: 'https://carrel.example', replace }
  const at = (id: string): Element => {
    const element = elements.get(id) ?? new Element()
    elements.set(id, element)
    return element
  }
  runInNewContext(pageScript, {
    location,
    history: { replaceState: (_: unknown, __: string, path: string) => void (location.hash = path) },
    sessionStorage: {
      getItem: (key: string) => stored.get(key) ?? null,
      setItem: (key: string, value: string) => stored.set(key, value),
      removeItem: (key: string) => stored.delete(key),
    },
    document: { getElementById: at, createElement: () => new Element() },
    encodeURIComponent,
    URLSearchParams,
    fetch: async (path: string, { method, body }: { method: string; body?: string }) => {
      told.push({ method, path, body: body === undefined ? null : JSON.parse(body) })
      const [status, document] = answers[path] ?? [500, {}]
      return await Promise.resolve({ status, json: async () => await Promise.resolve(document) })
    },
  })
  await expect.poll(() => at('text').textContent, { timeout: 10_000 }).not.toBe('')
  return { at, told, stored, location, replaced }
}

const offer = {
  inviter: { displayName: '<b>Grace</b>' },
  project: { name: 'Compilers' },
  session: null,
  role: 'editor',
  expiresAt: '2026-12-24T12:00:00Z',
  why: null,
}
const code = 'carrel_invitation_abc'

test('the code leaves the address at once, and what it leads to is shown as text, to be decided', async () => {
  const { at, told, location, stored } = await open(`#${code}`, {
    '/v1/invitation-views': [200, offer],
    '/v1/invitation-acceptances': [200, {}],
  })
  expect(location.hash).toBe('/invitation')
  expect(at('text').textContent).toContain('<b>Grace</b> invites you to the project Compilers (editor)')
  expect(at('choice').hidden).toBe(false)
  expect(told).toEqual([{ method: 'POST', path: '/v1/invitation-views', body: { code } }])
  await at('accept').click()
  expect(told.at(-1)).toEqual({ method: 'POST', path: '/v1/invitation-acceptances', body: { code } })
  expect([at('text').textContent, at('choice').hidden, stored.size]).toEqual([
    'Accepted. You find it in your portal.',
    true,
    0,
  ])
})

const methods = {
  items: [
    { kind: 'openid_connect', name: 'University', url: '/v1/sign-in/university' },
    { kind: 'user_office', name: 'User office', url: '/v1/sign-in/user-office' },
    { kind: 'umbrella', name: 'User office', url: '/v1/sign-in/umbrella' },
    { kind: 'of another day', name: 'By thought', url: '/v1/sign-in/thought' },
  ],
}

test('who is not signed in is shown the ways, each as it is gone, and the code waits in the tab', async () => {
  const returnUrl = 'https://carrel.example/invitation'
  const { at, stored, told, replaced } = await open(`#${code}`, {
    '/v1/invitation-views': [401, {}],
    '/v1/sign-in-methods': [200, methods],
    '/v1/sign-in/user-office': [200, { returnUrl }],
    '/v1/sign-in/umbrella': [403, { detail: 'This way in leads through the proxy.' }],
  })
  await expect.poll(() => at('ways').hidden, { timeout: 10_000 }).toBe(false)
  const [page, form, federation, ...others] = at('ways').inside.flatMap((item) => (item as Element).inside as Element[])
  expect(others).toEqual([])
  expect([page?.textContent, page?.href]).toEqual([
    'University',
    `/v1/sign-in/university?returnUrl=${encodeURIComponent(returnUrl)}`,
  ])
  expect([...stored.values()]).toEqual([code])

  await federation?.click()
  expect(told.at(-1)).toEqual({ method: 'POST', path: '/v1/sign-in/umbrella', body: { returnUrl } })
  expect([at('text').textContent, replaced]).toEqual(['This way in leads through the proxy.', []])

  const [username, password] = form?.all().filter((one) => Object.hasOwn(one, 'autocomplete')) ?? []
  Object.assign(username ?? {}, { value: 'ada' })
  Object.assign(password ?? {}, { value: ' correct horse ' })
  await form?.click({ preventDefault: () => {} })
  const body = { username: 'ada', password: ' correct horse ', returnUrl }
  expect(told.at(-1)).toEqual({ method: 'POST', path: '/v1/sign-in/user-office', body })
  expect([replaced, password?.value]).toEqual([[returnUrl], ''])
})

test.each([
  ['not_in_group', 'You are known there, but in none of the groups that are let in here. Sign in to see it.'],
  ['of_another_day', 'Signing in did not work. Sign in to see it.'],
  ['toString', 'Signing in did not work. Sign in to see it.'],
])('who comes back with %s from signing in is told so, and shown the ways again', async (failure, text) => {
  const answers = { '/v1/invitation-views': [401, {}], '/v1/sign-in-methods': [200, methods] } as const
  const { at, location } = await open(`#${code}`, answers, `?signInError=${failure}`)
  await expect.poll(() => at('ways').hidden, { timeout: 10_000 }).toBe(false)
  expect(at('text').textContent).toBe(text)
  // Nor is it told again by a page that is loaded anew.
  expect(location.hash).toBe('/invitation')
})

test('each way in which signing in fails has its sentence', () => {
  const failures = [...signInFailures, 'sign_in_expired', 'other_browser']
  expect(Object.keys(signInFailureSentences).sort()).toEqual(failures.sort())
})

test('where no way is one that the page knows, it says where else to go', async () => {
  const { at } = await open(`#${code}`, {
    '/v1/invitation-views': [401, {}],
    '/v1/sign-in-methods': [200, { items: methods.items.slice(3) }],
  })
  await expect.poll(() => at('text').textContent, { timeout: 10_000 }).toContain('Sign in to your portal')
  expect(at('ways').inside).toEqual([])
})

test.each([
  ['email_differs', 'sign in with that address'],
  ['terms_not_accepted', 'terms of use'],
  ['invitation_over', 'over: expired'],
])('where accepting would be refused with %s it says so, and offers nothing', async (why, text) => {
  const answer = { ...offer, why, email: 'g…@site.example', state: 'expired' }
  const { at } = await open(`#${code}`, { '/v1/invitation-views': [200, answer] })
  expect(at('text').textContent).toContain(text)
  expect(at('choice').hidden).toBe(true)
})

test('without a code nothing is asked', async () => {
  const { told } = await open('', {})
  expect(told).toEqual([])
})
