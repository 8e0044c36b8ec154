import type { compare as english } from '../en/compare';
import type { Message } from '../message';

export const compare: Record<keyof typeof english, Message> = {
  'compare.title': 'مقارنة التشغيلات',
  'compare.list': 'مهام للمقارنة',
  'compare.back': 'اختيار مهام أخرى',
  'compare.empty.title': 'ضع التشغيلات جنبًا إلى جنب',
  'compare.empty.text':
    'اختر من مهمتين إلى {count} مهام: تشترك منحنياتها في مخطط واحد، ويُظهر جدول أوجه اختلافها.',
  'compare.runs': {
    one: 'تشغيل واحد',
    two: 'تشغيلان',
    few: '{count} تشغيلات',
    many: '{count} تشغيلًا',
    other: '{count} تشغيل',
  },
  'compare.table': 'الإعدادات والنتائج',
  'compare.only': 'المختلف فقط',
  'compare.differs': 'مختلف',
  'compare.best': 'الأفضل',
  'compare.trainLoss': 'خسارة التدريب',
  'compare.validLoss': 'خسارة التحقق',
  'compare.bestValidLoss': 'أقل خسارة تحقق',
  'compare.trainAccuracy': 'دقة رموز التدريب',
  'compare.validAccuracy': 'دقة رموز التحقق',
  'compare.rate': 'الرموز في الثانية',
};
