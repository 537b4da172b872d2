/** What a worker process serves, as its configuration says: `core`, `access`, `mail`, `provider/*`, `provider/<id>`. */
export interface Roles {
  readonly core: boolean
  /** The gateway outside. */
  readonly access: boolean
  /** The site's mail server. */
  readonly mail: boolean
  serves(providerId: string): boolean
}

export const rolesOf = (names: readonly string[]): Roles => ({
  core: names.includes('core'),
  access: names.includes('access'),
  mail: names.includes('mail'),
  serves: (providerId) => names.includes('provider/*') || names.includes(`provider/${providerId}`),
})
