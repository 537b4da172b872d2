/** What a worker process serves, as its configuration says: `core`, `access`, `provider/*`, `provider/<id>`. */
export interface Roles {
  readonly core: boolean
  /** The gateway outside. */
  readonly access: boolean
  serves(providerId: string): boolean
}

export const rolesOf = (names: readonly string[]): Roles => ({
  core: names.includes('core'),
  access: names.includes('access'),
  serves: (providerId) => names.includes('provider/*') || names.includes(`provider/${providerId}`),
})
