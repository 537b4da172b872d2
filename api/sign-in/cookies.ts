import { getCookie, setCookie } from 'hono/cookie'
import { createHmac, randomBytes } from 'node:crypto'
import { looksLikeBrowserSecret } from '../../db/browser-sessions.ts'
import { signInSeconds } from '../../domain/sign-in.ts'
import type { SignInMarks } from '../../ports/identity/identity-provider.ts'
import type { AppContext } from '../env.ts'
import type { SignInDeps } from './issuers.ts'

const isSecure = ({ origin }: Pick<SignInDeps, 'origin'>) => origin.startsWith('https:')

/** `__Host-`: of this host alone, and over TLS; nobody beside it can set it. Without TLS, in development, browsers know no such. */
const nameOf = (deps: Pick<SignInDeps, 'origin'>, name: string) => (isSecure(deps) ? `__Host-${name}` : name)

const attributes = (deps: Pick<SignInDeps, 'origin'>) =>
  ({ path: '/', httpOnly: true, sameSite: 'Lax', secure: isSecure(deps) }) as const

/** The secret of the browser session that a request comes with; `null`: it has none, or more than one. */
export function browserSecretOf(c: AppContext): string | null {
  const { signIn } = c.var.services
  if (signIn === undefined) return null
  const secret = getCookie(c, nameOf(signIn, 'carrel'))
  return secret !== undefined && looksLikeBrowserSecret(secret) ? secret : null
}

export function keepBrowserSession(c: AppContext, deps: SignInDeps, secret: string, expires: Date): void {
  setCookie(c, nameOf(deps, 'carrel'), secret, { ...attributes(deps), expires })
}

export function dropBrowserSession(c: AppContext, deps: SignInDeps): void {
  setCookie(c, nameOf(deps, 'carrel'), '', { ...attributes(deps), maxAge: 0 })
}

/** What ties sign-ins to the browser that began them; `null`: it began none lately. */
export function bindingOf(c: AppContext, deps: SignInDeps): string | null {
  const binding = getCookie(c, nameOf(deps, 'carrel-sign-in')) ?? ''
  return /^[A-Za-z0-9_-]{43}$/.test(binding) ? binding : null
}

/** The same for one that begins: one secret for all sign-ins of the browser, in several tabs too. */
export function bind(c: AppContext, deps: SignInDeps): string {
  const binding = bindingOf(c, deps) ?? random()
  setCookie(c, nameOf(deps, 'carrel-sign-in'), binding, { ...attributes(deps), maxAge: signInSeconds })
  return binding
}

export const newState = (): string => random()

/** Derived from what only this browser has: another one can neither show them nor find them out, and nobody keeps them. */
export function marksOf(binding: string, state: string): SignInMarks {
  const derive = (what: string) => createHmac('sha256', binding).update(`${what} ${state}`).digest('base64url')
  return { state, nonce: derive('nonce'), verifier: derive('verifier') }
}

const random = () => randomBytes(32).toString('base64url')
