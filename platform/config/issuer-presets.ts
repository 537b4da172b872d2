/** What is known of an issuer beforehand; whatever the site says itself stands before it. */
interface Preset {
  readonly issuer?: string
  readonly scopes?: readonly string[]
  readonly organisationClaim?: string
  readonly groups?: { readonly claim: string } | { readonly globus: string }
}

export const presets: Readonly<Record<'surfconext' | 'keycloak' | 'globus', Preset>> = {
  // Which claims it releases is agreed with each institution, not asked for by scope.
  surfconext: {
    issuer: 'https://connect.surfconext.nl',
    scopes: ['openid'],
    organisationClaim: 'schac_home_organization',
  },
  keycloak: { scopes: ['openid', 'profile', 'email'], groups: { claim: 'groups' } },
  globus: {
    issuer: 'https://auth.globus.org',
    scopes: [
      'openid',
      'profile',
      'email',
      'urn:globus:auth:scope:groups.api.globus.org:view_my_groups_and_memberships',
    ],
    organisationClaim: 'organization',
    groups: { globus: 'https://groups.api.globus.org/v2/groups/my_groups' },
  },
}
