/** The user office cannot be reached, or answers what cannot be read. `detail` is for operators. */
export interface OfficeAway {
  readonly kind: 'unavailable'
  readonly detail: string
}

/** `known`: by this login the user office knows them, in its own words. `refused`: it knows nobody by that. */
export type Recognised =
  { readonly kind: 'known'; readonly officeLogin: string } | { readonly kind: 'refused' } | OfficeAway

/** Whether somebody may use the facility's computers for other things than an experiment. */
export type OwnResources = { readonly kind: 'authorized' } | { readonly kind: 'refused' } | OfficeAway

/** A facility's own account system, as far as it says who somebody is and what they may. What a site has not switched on is `null`. */
export interface UserOffice {
  /** Holds a name and a password against it. Neither is kept. */
  readonly byPassword: ((name: string, password: string) => Promise<Recognised>) | null
  /** Says whom a hash of the federation belongs to. */
  readonly byHash: ((hash: string) => Promise<Recognised>) | null
  readonly mayUseResources: ((officeLogin: string) => Promise<OwnResources>) | null
}

/** What an office login looks like: one word without what has a meaning elsewhere. Dots alone would lead elsewhere in paths. */
export const isOfficeLogin = (text: string): boolean => /^[\p{L}\p{N}._@+-]{1,100}$/u.test(text) && !/^\.+$/.test(text)
