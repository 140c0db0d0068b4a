variable "secret" {
  type      = string
  sensitive = true
  default   = "SECRET-after-7c1f"
}
resource "terraform_data" "whole" { input = var.secret }
resource "terraform_data" "deep" {
  input = { plain = "also shown", list = ["a", var.secret], map = { inner = { leaf = var.secret } } }
}
resource "aws_ssm_parameter" "near_marked_by_the_provider" {
  name  = "/example/token"
  type  = "SecureString"
  value = "SECRET-parameter-after-55aa"
}
resource "aws_db_instance" "near_password" {
  identifier          = "example"
  instance_class      = "db.t4g.micro"
  engine              = "postgres"
  allocated_storage   = 20
  username            = "example"
  password            = "SECRET-password-after-91cd"
  skip_final_snapshot = true
}
resource "aws_lambda_function" "near_environment" {
  function_name = "example"
  role          = "arn:aws:iam::123456789012:role/example"
  s3_bucket     = "packages"
  s3_key        = "example.zip"
  handler       = "main.handler"
  runtime       = "python3.13"
  environment { variables = { UNMARKED_TOKEN = "SECRET-unmarked-after-2b7e", MODE = "slow" } }
}
output "hidden" {
  value     = var.secret
  sensitive = true
}
