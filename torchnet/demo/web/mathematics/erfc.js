// The complementary error function in double precision, which JavaScript does not have.
//
// Source: W. J. Cody 1969, "Rational Chebyshev approximations for the error function", Mathematics of Computation 23,
// 631-637; the coefficients are those of his program CALERF (Netlib, specfun, 1990).

// erf x = x P(x²) / Q(x²) for |x| ≤ 0.46875. All coefficients start with the highest power.
const ERF_NEAR = [
  [1.85777706184603153e-1, 3.1611237438705656, 113.864154151050156, 377.485237685302021, 3209.37758913846947],
  [1, 23.6012909523441209, 244.024637934444173, 1282.61652607737228, 2844.23683343917062],
];
// erfc x = e^-x² P(x) / Q(x) for 0.46875 ≤ x ≤ 4.
const ERFC_MIDDLE = [
  [
    2.15311535474403846e-8, 5.64188496988670089e-1, 8.88314979438837594, 66.1191906371416295, 298.635138197400131,
    881.95222124176909, 1712.04761263407058, 2051.07837782607147, 1230.33935479799725,
  ],
  [
    1, 15.7449261107098347, 117.693950891312499, 537.181101862009858, 1621.38957456669019, 3290.79923573345963,
    4362.61909014324716, 3439.36767414372164, 1230.33935480374942,
  ],
];
// erfc x = e^-x² / x (1/√π - P(1/x²) / (x² Q(1/x²))) for x ≥ 4.
const ERFC_FAR = [
  [
    1.63153871373020978e-2, 3.05326634961232344e-1, 3.60344899949804439e-1, 1.25781726111229246e-1,
    1.60837851487422766e-2, 6.58749161529837803e-4,
  ],
  [
    1, 2.56852019228982242, 1.87295284992346047, 5.27905102951428412e-1, 6.05183413124413191e-2,
    2.33520497626869185e-3,
  ],
];

const polynomial = (coefficients, x) => coefficients.reduce((value, coefficient) => value * x + coefficient);
const ratio = ([above, below], x) => polynomial(above, x) / polynomial(below, x);

/** Return e^-x². A number with few digits has an exact square, so no rounding error of x² is amplified. */
function gaussian(x) {
  const short = Math.trunc(x * 16) / 16;
  return Math.exp(-short * short) * Math.exp(-(x - short) * (x + short));
}

/** Return erfc x = 2/√π ∫ₓ^∞ e^-t² dt. */
function erfc(x) {
  const size = Math.abs(x);
  if (size <= 0.46875) return 1 - x * ratio(ERF_NEAR, x * x);
  if (size > 27) return x > 0 ? 0 : 2; // underflows
  const tail =
    size <= 4
      ? gaussian(size) * ratio(ERFC_MIDDLE, size)
      : (gaussian(size) / size) * (1 / Math.sqrt(Math.PI) - ratio(ERFC_FAR, 1 / size ** 2) / size ** 2);
  return x > 0 ? tail : 2 - tail;
}
