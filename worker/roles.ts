/** What a worker process serves, as its configuration says: `core`, `provider/*`, `provider/<id>`. */
export interface Roles {
  readonly core: boolean
  serves(providerId: string): boolean
}

export const rolesOf = (names: readonly string[]): Roles => ({
  core: names.includes('core'),
  serves: (providerId) => names.includes('provider/*') || names.includes(`provider/${providerId}`),
})
