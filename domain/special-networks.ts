/**
 * Where nothing of a site's is unless somebody says so by name: this machine itself, its neighbours without a router, what clouds
 * answer their machines with, and what is no host at all. `0.0.0.0/0` names none of them.
 */
export const specialNetworks = [
  '0.0.0.0/8',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '100.100.100.200/32',
  '168.63.129.16/32',
  '192.0.0.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
  '::/127',
  '64:ff9b::/96',
  'fe80::/10',
  'fd00:ec2::254/128',
  'ff00::/8',
] as const
