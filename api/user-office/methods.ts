import type { UserOfficeDeps } from './office.ts'

interface Method {
  readonly kind: string
  readonly id: string
  readonly name: string
  readonly url: string
}

/** The ways in that the user office gives; none where there is none. */
export function officeMethods(deps: UserOfficeDeps | undefined): Method[] {
  if (deps === undefined) return []
  const { name, office } = deps
  const ways = [
    { kind: 'user_office', id: 'user-office', is: office.byPassword !== null },
    { kind: 'umbrella', id: 'umbrella', is: office.byHash !== null },
  ]
  return ways.filter(({ is }) => is).map(({ kind, id }) => ({ kind, id, name, url: `/v1/sign-in/${id}` }))
}
