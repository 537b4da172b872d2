import { obtainPackages } from '../debian-packages.ts'

/** OpenLDAP's slapd, out of Debian bookworm's packages. Answers the directory that holds `usr`. @throws with what to do where it can't be had */
export const obtainSlapd = async (): Promise<string> =>
  await obtainPackages({
    name: 'slapd',
    version: '2.5.13',
    suite: 'bookworm',
    wanted: ['slapd'],
    leftOut:
      /^(libc6|libc-bin|libcrypt1|libgcc-s1|gcc-.*|libstdc\+\+6|perl.*|libperl.*|libgdbm.*|libdb5.*|netbase|dpkg|debconf|tar|install-info|lsb-base|init-system-helpers|sysvinit-utils|adduser|passwd|psmisc|base-files|coreutils|mawk|sensible-utils|ucf|libpam.*|libaudit.*|libselinux.*|libsemanage.*)$/,
    proof: 'usr/sbin/slapd',
    size: '6 MB',
  })
