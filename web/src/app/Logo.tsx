import styles from './Logo.module.css';

export function Logo() {
  return (
    <span className={styles.logo}>
      <img src="/favicon.svg" alt="" width={22} height={22} />
      hone
    </span>
  );
}
