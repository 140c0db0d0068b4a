resource "aws_s3_bucket" "caught_destroyed" { bucket = "example-reports" }
resource "aws_s3_bucket_versioning" "near_goes_with_its_bucket" {
  bucket = aws_s3_bucket.caught_destroyed.bucket
  versioning_configuration { status = "Enabled" }
}
resource "aws_dynamodb_table" "caught_replaced" {
  name         = "orders"
  hash_key     = "id"
  billing_mode = "PAY_PER_REQUEST"
  attribute {
    name = "id"
    type = "S"
  }
}
resource "aws_kms_key" "caught_key" {}
resource "aws_cloudwatch_log_group" "caught_new_first" {
  name = "/example/one"
  lifecycle { create_before_destroy = true }
}
resource "aws_sqs_queue" "caught_counted" {
  count = 2
  name  = "example-${count.index}"
}
resource "aws_efs_file_system" "near_changed_in_place" {
  creation_token  = "example"
  throughput_mode = "bursting"
}
resource "aws_s3_bucket" "near_old_name" { bucket = "example-moves" }
resource "aws_secretsmanager_secret" "near_forgotten" { name = "example" }
resource "aws_iam_role" "near_role_is_configuration" {
  name               = "example"
  assume_role_policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "lambda.amazonaws.com" } }] })
}
resource "aws_s3_object" "near_written_anew" {
  bucket  = "example"
  key     = "one"
  content = "same"
}
