export const compare = {
  'compare.title': 'Compare runs',
  'compare.list': 'Jobs to compare',
  'compare.back': 'Choose others',
  'compare.empty.title': 'Put runs side by side',
  'compare.empty.text':
    'Choose from two to {count} jobs: their curves share a chart, and a table shows in what they differ.',
  'compare.runs': { one: '{count} run', other: '{count} runs' },
  'compare.table': 'Settings and results',
  'compare.only': 'Only what differs',
  'compare.differs': 'differs',
  'compare.best': 'best',
  'compare.trainLoss': 'Training loss',
  'compare.validLoss': 'Validation loss',
  'compare.bestValidLoss': 'Least validation loss',
  'compare.trainAccuracy': 'Training token accuracy',
  'compare.validAccuracy': 'Validation token accuracy',
  'compare.rate': 'Tokens per second',
} as const;
