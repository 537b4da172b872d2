import type { HandoverMeaning } from '../../../domain/handover.ts'
import type { Resources } from '../../../domain/resources.ts'
import type { SessionId } from '../../../domain/ids.ts'
import type { InstanceRef, InstanceSpec } from '../provider.ts'

export type HandoverRef = Pick<InstanceRef, 'name' | 'deploymentId'>

/** What a provisioner is asked for: nothing of it is secret. */
export interface HandoverAsk extends HandoverRef {
  readonly sessionId: SessionId
  readonly generation: number
  readonly spec: Pick<InstanceSpec, 'image' | 'command' | 'size' | 'user' | 'ports' | 'egress' | 'lifetimeSeconds'> & {
    readonly resources: Omit<Resources, 'sessions'>
    readonly reportedPorts: { readonly from: number; readonly to: number; readonly tls?: boolean } | null
    readonly terms: Readonly<Record<string, string>>
  }
  /** For its taker alone; sealed before it is written down. */
  readonly secrets: Pick<InstanceSpec, 'secret' | 'environment'> & {
    readonly report: { readonly url: string; readonly token: string } | null
  }
}

/** One that was handed over, as its provisioner has described it so far. */
export interface HandoverRecord extends HandoverRef {
  readonly sessionId: SessionId
  readonly generation: number
  readonly meaning: HandoverMeaning
  readonly ports: readonly number[]
  /** Its ports are reported, by itself or for it. */
  readonly reports: boolean
  readonly host: string | null
  readonly exitCode: number | null
  /** What the provisioner said last, or why nobody took it; for operators. */
  readonly detail: string
}

/** What is known of a provisioner. Times in ms since the epoch. */
export interface ProvisionerFacts {
  /** There is such an account, and it is not disabled. */
  readonly isActive: boolean
  /** Until when the last of its tokens with the scope `provision` is good; `null`: it has none. */
  readonly tokenUntil: number | null
  /** How long ago it last used one, ms; `null`: never. */
  readonly silentMs: number | null
}

/** Where what is handed over is written down: nothing else holds it. Every call may reject. */
export interface HandoverRecords {
  /** Returns whether it was not there. `takeWithinSeconds` counts from now. */
  add(ask: HandoverAsk, takeWithinSeconds: number): Promise<boolean>
  find(ref: HandoverRef): Promise<HandoverRecord | null>
  /** Forgets what nobody has taken, and what its provisioner says is gone; else asks for its removal. Returns whether nothing is left. */
  release(ref: HandoverRef): Promise<boolean>
  /** Those of the deployment whose names come after `after`, in the order of names; at most `limit`. */
  page(deploymentId: string, after: string, limit: number): Promise<readonly HandoverRecord[]>
  provisioner(accountId: string): Promise<ProvisionerFacts>
}
