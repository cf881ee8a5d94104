import { z } from 'zod'
import { button, code, note, paragraph } from '../../app/mails/blocks.ts'
import { kernelMail } from '../../mail/kernel_mail.ts'
import { recordOf } from './domains.ts'

/** Warns that a domain will be detached, because its TXT record is gone, or says that it was. */
export const domainNotice = kernelMail('domains.notice', {
  payload: z.strictObject({
    domain_id: z.uuid(),
    user_id: z.uuid(),
    event: z.enum(['failing', 'detached']),
  }),
  async prepare({ db, tenant }, { domain_id, user_id, event }, { config }) {
    const domain = await db
      .selectFrom('tenantry.domains')
      .select(['name', 'proof', 'state'])
      .where('id', '=', domain_id)
      .executeTakeFirst()
    // The record is back, or the domain was removed: the mail would be wrong.
    if (domain?.state !== event) return undefined
    const { name, value } = recordOf(domain)
    const link = config.WEB.includes('console') ? `${tenant.home}/console/domains` : ''
    const values = {
      domain: domain.name,
      record: name,
      value,
      event,
      link,
      minutes: NOTICE_MINUTES,
    }
    return { to: { user_id }, values }
  },
  sample: {
    domain: 'shop.example.com',
    record: '_tenantry.shop.example.com',
    value: 'tenantry=0123456789abcdef0123456789abcdef',
    event: 'failing' as string,
    link: 'https://acme.example.com/console/domains',
    minutes: 10_080,
  },
  texts: {
    en: {
      subject: 'The domain {domain} needs your attention',
      failing:
        'The TXT record of {domain} was not found in the DNS. Without it, {domain} will no longer lead to “{tenant}” in {duration}.',
      subjectDetached: 'The domain {domain} was detached',
      detached:
        'The domain {domain} no longer leads to “{tenant}”, because its TXT record was gone for too long.',
      instruction: 'Add this record at the provider of your DNS, then have the domain checked:',
      name: 'Name: {record}',
      button: 'See the domain',
      otherwise: 'If you do not use the domain any more, remove it there.',
    },
    de: {
      subject: 'Die Domain {domain} braucht Ihre Aufmerksamkeit',
      failing:
        'Der TXT-Eintrag von {domain} wurde im DNS nicht gefunden. Ohne ihn führt {domain} in {duration} nicht mehr zu „{tenant}“.',
      subjectDetached: 'Die Domain {domain} wurde getrennt',
      detached:
        'Die Domain {domain} führt nicht mehr zu „{tenant}“, weil ihr TXT-Eintrag zu lange fehlte.',
      instruction:
        'Legen Sie diesen Eintrag bei Ihrem DNS-Anbieter an und lassen Sie die Domain dann prüfen:',
      name: 'Name: {record}',
      button: 'Domain ansehen',
      otherwise: 'Wenn Sie die Domain nicht mehr verwenden, entfernen Sie sie dort.',
    },
  },
  content: ({ value, event, link, minutes }, t) => ({
    subject: t(event === 'failing' ? 'subject' : 'subjectDetached'),
    blocks: [
      paragraph(t(event === 'failing' ? 'failing' : 'detached', { duration: t.duration(minutes) })),
      paragraph(t('instruction')),
      paragraph(t('name')),
      code(value),
      ...(link === '' ? [] : [button(link, t('button'))]),
      note(t('otherwise')),
    ],
  }),
})

const NOTICE_MINUTES = 7 * 24 * 60
