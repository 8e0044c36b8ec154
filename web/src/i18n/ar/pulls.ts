import type { pulls as english } from '../en/pulls';
import type { Message } from '../message';

export const pulls: Record<keyof typeof english, Message> = {
  'pull.open': 'جلب نموذج أساسي آخر…',
  'pull.title': 'جلب نموذج أساسي',
  'pull.model': 'النموذج',
  'pull.other': 'نموذج آخر من Hugging Face Hub…',
  'pull.repository': 'المستودع',
  'pull.repository.hint': 'كما تسمّيه صفحته على Hub: ‏org/name، وأوزانه بصيغة safetensors.',
  'pull.facts': '{parameters} معامل، {kind}، سياق من {context} رمز، {licence}.',
  'pull.kind.chat': 'يجيب في المحادثات',
  'pull.kind.base': 'يكمل النص',
  'pull.gated': 'يجب قبول رخصته على Hub أولًا، ويحتاج الخادم إلى رمز وصول (HF_TOKEN).',
  'pull.cached': 'منه {bytes} موجودة هنا.',
  'pull.submit': 'جلب',
  'pull.list': 'نماذج قيد الجلب',
  'pull.fetching': 'جلب {model}',
  'pull.queued': 'ينتظر الذي قبله',
  'pull.underWay': 'جارٍ الجلب…',
  'pull.bytes': '{bytes} من {total}',
  'pull.rate': '{bytes} في الثانية',
  'pull.left': 'بقي {time}',
  'pull.cancel': 'إلغاء جلب {model}',
  'pull.again': 'جلب {model} مرة أخرى',
  'pull.done': 'وصل {model}، ويمكن ضبطه.',
  'pull.cancelled': 'أُلغي جلب {model}. يبقى ما وصل منه للمرة القادمة.',
};
