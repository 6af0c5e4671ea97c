// Some of the app's own uses of Eigen: the same functions as fastgru's, compiled with the app's flags.
#include <Eigen/Core>

using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

void products(const Matrix& a, const Matrix& b, Matrix& c, Eigen::VectorXd& v) {
  c.noalias() += a * b.transpose();
  c.noalias() = a.transpose() * b;
  v.noalias() += a * v;
  v = v.array().exp() + a.colwise().sum().transpose().array();
}
