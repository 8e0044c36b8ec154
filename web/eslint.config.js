import jsxA11y from 'eslint-plugin-jsx-a11y';
import reactHooks from 'eslint-plugin-react-hooks';
import tseslint from 'typescript-eslint';

export default tseslint.config(
  { ignores: ['node_modules', 'src/api/schema.d.ts'] },
  ...tseslint.configs.strictTypeChecked,
  jsxA11y.flatConfigs.strict,
  reactHooks.configs.flat['recommended-latest'],
  {
    languageOptions: {
      parserOptions: { project: './tsconfig.json', tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      // As deep as the text of a label with two lines lies.
      'jsx-a11y/label-has-associated-control': ['error', { depth: 3 }],
      // The compiler is not used.
      'react-hooks/incompatible-library': 'off',
      'max-lines': ['error', { max: 300 }],
      // Numbers and such in a template are what is meant.
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      // () => setX(1) in an event handler reads well.
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/no-misused-promises': [
        'error',
        { checksVoidReturn: { attributes: false } },
      ],
    },
  },
  { files: ['scripts/**', '*.config.*'], ...tseslint.configs.disableTypeChecked },
);
