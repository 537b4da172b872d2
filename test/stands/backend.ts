import type { ProviderConfig } from '../../platform/config.ts'
import type { TemplateSpec } from '../../domain/template.ts'
import type { SessionId } from '../../domain/ids.ts'
import type { Posix } from '../../db/schema.ts'
import type { FaultProxy } from '../support/fault-proxy.ts'
import type { Site } from '../setup/site.ts'

/** A real backend as whoever proves something on it needs it: `openBackend()` of `<name>-backend.ts` beside this file. */
export interface RealBackend {
  readonly name: string
  /** As an installation's configuration has it. */
  readonly provider: ProviderConfig
  /** The least that can be a session there, with the door `web`; which provider it names is of no matter. */
  readonly template: TemplateSpec
  /** Whether something answers behind that door; in the instances of a hypervisor that is not one nothing runs. */
  readonly answers: boolean
  /** Whether its sessions can rest. */
  readonly pauses?: true
  /** What processes of the installation need to be told, beside what every one is. */
  readonly variables?: Readonly<Record<string, string>>
  /** Who they are there who start sessions, where a template runs as its account. */
  readonly posix?: Posix
  /** Does what a guest would do that really ran, such as to report that it has begun; it is called once the session is asked for. */
  playGuest?(site: Site, sessionId: SessionId): Promise<void>
  /** The same backend by way of proxies. */
  viaProxies?(): Promise<{ readonly provider: ProviderConfig; readonly proxies: readonly FaultProxy[] }>
  /** How an administrator makes the same provider through the API. */
  readonly byApi?: ProviderByApi
  /** The plain thing, without Carrel: what a small script would do with the same API. */
  readonly raw?: RawBackend
  close(): Promise<void>
}

export interface ProviderByApi {
  /** Where its backend is, which the deployment must allow. */
  readonly networks: readonly string[]
  readonly settings: Readonly<Record<string, unknown>>
  readonly secrets: Readonly<Record<string, string>>
  /** Of the same names, and the backend does not take them. */
  readonly refusedSecrets: Readonly<Record<string, string>>
}

export interface RawBackend {
  /** Makes the same as the template says, and returns once it runs or answers, as the session would be ready. */
  start(): Promise<string>
  /** Removes it, and returns once the backend shows nothing of it. */
  stop(started: string): Promise<void>
  /** Has it rest, and return once it does, and the same of waking it: where the backend's sessions can. */
  readonly rests?: { rest(started: string): Promise<void>; wake(started: string): Promise<void> }
}

export type OpenBackend = () => Promise<RealBackend>
