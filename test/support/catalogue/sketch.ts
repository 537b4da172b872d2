import type { ProjectRole } from '../../../domain/authorization.ts'

/** A project as any catalogue can tell it. */
export interface Sketch {
  readonly project: string
  readonly title: string
  readonly experiments: readonly {
    readonly id: string
    readonly instrument: string
    readonly starts: string
    readonly ends: string
  }[]
  readonly members: readonly { readonly login: string; readonly role: ProjectRole }[]
}
